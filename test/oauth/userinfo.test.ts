import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthError } from '../../src/domain/errors.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, createTokenServices, HOME, loginOf, redeem, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { PUBLIC_CLIENT, registerClient, standardTokens } from '../support/fixtures/standard_grants.ts';

let services: TokenServices;
let user: User;

const PROFILE = { email: 'ada@example.com', email_verified: false, picture: 'https://example.com/a.png', locale: 'en-GB' };

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  await registerClient(services, db.database, PUBLIC_CLIENT);
  user = await addPerson(db.database, { username: randomId(), group_ids: ['system-users', 'system-admin'] });
  await db.database.kysely
    .insertInto('credentials')
    .values({
      ...{ id: randomId(), user_id: user.id, auth_provider_type: 'ldap', auth_provider_id: 'office', subject: randomId() },
      data: JSON.stringify({ username: 'lovelace', email: 'ada@directory.example' }),
      created_at: NOON,
    })
    .execute();
  // The profile is returned, not what a provider says.
  await db.database.kysely.updateTable('users').set(PROFILE).where('id', '=', user.id).execute();
  return () => services.close();
});

function tokens(standard: Parameters<typeof standardTokens>[4] = {}): Promise<TokenSet> {
  return standardTokens(services, db.database, user, PUBLIC_CLIENT, standard);
}

async function ask(access_token: string, remote_address = HOME) {
  try {
    const asked = { scheme: 'Bearer', access_token, method: 'GET', path: '/auth/userinfo', proofs: [], remote_address } as const;
    return (await services.userinfo.answer(asked)).claims;
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}

function change(columns: { is_active?: boolean; local_only?: boolean }) {
  return db.database.kysely.updateTable('users').set(columns).where('id', '=', user.id).execute();
}

// U1, S11
test('tells what the scopes stand for, from one look at the database', async () => {
  const { access_token } = await tokens({ scope: ['openid', 'profile', 'email', 'groups'] });
  const { subject } = await db.database.kysely
    .selectFrom('credentials')
    .select('subject')
    .where('user_id', '=', user.id)
    .where('auth_provider_type', '=', 'homeassistant')
    .executeTakeFirstOrThrow();
  expect(await ask(access_token)).toEqual({
    sub: user.id,
    name: 'Paulus',
    preferred_username: subject,
    updated_at: NOON.getTime() / 1000,
    ...PROFILE,
    groups: ['system-admin', 'system-users'],
  });
});

test('tells no more than the access token’s own scope, and what was asked for by name', async () => {
  expect(await ask((await tokens({ scope: ['openid'] })).access_token)).toEqual({ sub: user.id });
  const claims = { userinfo: { email: { essential: true }, sub: { value: 'somebody else' } } };
  expect(await ask((await tokens({ scope: ['openid'], claims })).access_token)).toEqual({ sub: user.id, email: 'ada@example.com' });
});

test('leaves out a group that left the configuration', async () => {
  const { access_token } = await tokens({ scope: ['openid', 'groups'] });
  await db.database.kysely.updateTable('groups').set({ is_enabled: false }).where('id', '=', 'system-admin').execute();
  expect(await ask(access_token)).toEqual({ sub: user.id, groups: ['system-users'] });
  await db.database.kysely.updateTable('groups').set({ is_enabled: true }).where('id', '=', 'system-admin').execute();
});

// E11
test('is refused without the scope openid, and so are Home Assistant’s tokens', async () => {
  expect(await ask((await tokens({ scope: ['profile'] })).access_token)).toBe('insufficient_scope');
  const plain = (await redeem(services, await services.codes.issue(await loginOf(db.database, user)))) as TokenSet;
  expect(await ask(plain.access_token)).toBe('insufficient_scope');
});

describe('a token that is not good is refused:', () => {
  const stories: [string, (tokens: TokenSet) => Promise<unknown>][] = [
    ['its grant was revoked', () => db.database.kysely.deleteFrom('refresh_tokens').where('user_id', '=', user.id).execute()],
    ['its user is inactive', () => change({ is_active: false })],
    ['its user is gone', () => db.database.kysely.deleteFrom('users').where('id', '=', user.id).execute()],
    ['its client was switched off', () => switchClient(false)],
    ['it has expired', async () => services.time.advance(1_810)],
    [
      'it was revoked itself',
      ({ access_token }) =>
        services.revocation.revoke(
          new Map([
            ['token', access_token],
            ['client_id', 'desktop'],
          ]),
          { remote_address: HOME },
        ),
    ],
  ];
  function switchClient(is_enabled: boolean) {
    return db.database.kysely.updateTable('clients').set({ is_enabled }).where('client_id', '=', 'desktop').execute();
  }

  for (const [story, happen] of stories) {
    test(story, async () => {
      const answer = await tokens();
      expect(await ask(answer.access_token)).toMatchObject({ sub: user.id });
      await happen(answer);
      expect(await ask(answer.access_token)).toBe('invalid_token');
      await switchClient(true);
    });
  }

  // E3, E4, E5
  test('it is something else, or for somebody else', async () => {
    const { id_token, refresh_token } = await tokens();
    const elsewhere = await tokens({ resource: ['https://api.example/'] });
    for (const token of [id_token!, refresh_token!, elsewhere.access_token, '', 'a.b.c', 'x'.repeat(9_000)]) {
      expect(await ask(token)).toBe('invalid_token');
    }
  });

  test('its user is restricted to home, and it comes from abroad', async () => {
    const { access_token } = await tokens();
    await change({ local_only: true });
    expect([await ask(access_token, HOME), await ask(access_token, ABROAD)]).toEqual([
      expect.objectContaining({ sub: user.id }),
      'invalid_token',
    ]);
  });
});
