import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenSet } from '../../src/domain/token.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, CLIENT, createTokenServices, HOME, newGrant, post, refresh, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let services: TokenServices;
let refresh_token: string;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  services = await createTokenServices(db.database);
  const grant = newGrant(await addPerson(db.database));
  refresh_token = grant.refresh_token;
  await services.refreshTokens.create(grant.row);
  return () => services.close();
});

// C13
for (const [story, form] of [
  ['no grant_type', {}],
  ['an empty one', { grant_type: '' }],
  ['a password', { grant_type: 'password', username: 'paulus', password: 'x' }],
  ['an unknown one', { grant_type: 'constructor' }],
  ['one in capitals', { grant_type: 'REFRESH_TOKEN' }],
  ['one with a bad client', { grant_type: 'x', client_id: 'ftp://ex.com' }],
] as const) {
  test(`${story} is no grant`, async () => {
    expect(await post(services, { client_id: CLIENT, ...form })).toBe('unsupported_grant_type');
  });
}

describe('revoking', () => {
  const ways: [string, (token?: string) => Promise<unknown>][] = [
    [
      'at the revocation endpoint',
      (token) => services.revocation.revoke(new Map(token === undefined ? [] : [['token', token]]), { remote_address: HOME }),
    ],
    ['at the token endpoint, as the iOS app does', (token) => post(services, { action: 'revoke', ...(token !== undefined && { token }) })],
  ];
  for (const [story, revoke] of ways) {
    test(`${story} ends the grant and every access token of it`, async () => {
      const { access_token } = (await refresh(services, refresh_token)) as TokenSet;
      await revoke(refresh_token);
      expect(await services.bearer.authenticate(access_token, HOME)).toBeNull();
      expect(await refresh(services, refresh_token)).toBe('invalid_grant');
      expect(services.events[0]).toMatchObject({ type: 'refresh_token.revoked', outcome: 'done', client_id: CLIENT, remote_address: HOME });
    });

    test(`${story} of anything else changes nothing and says so to nobody`, async () => {
      const { access_token } = (await refresh(services, refresh_token)) as TokenSet;
      for (const token of [undefined, '', 'unknown', access_token, refresh_token.slice(0, -1)]) await revoke(token);
      expect(await services.bearer.authenticate(access_token, HOME)).not.toBeNull();
      expect(services.events).toEqual([]);
    });
  }

  test('takes precedence over the grant in the same request', async () => {
    const form = { action: 'revoke', grant_type: 'refresh_token', client_id: 'ftp://ex.com', refresh_token, token: refresh_token };
    expect(await post(services, form, ABROAD)).toBe('revoked');
    expect(await refresh(services, refresh_token)).toBe('invalid_grant');
  });

  test('another action is none', async () => {
    expect(await refresh(services, refresh_token, { action: 'Revoke', token: refresh_token })).toBeTypeOf('object');
  });
});
