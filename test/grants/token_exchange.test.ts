import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Client } from '../../src/domain/client.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, createTokenServices, HOME, ISSUER, newClient, post, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { credentialsOf, registerClient, standardTokens } from '../support/fixtures/standard_grants.ts';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const FILES = 'https://files.example.com';
const INDEX = 'https://index.example.com';
const UNACCEPTABLE = 'invalid_request: The subject token is not acceptable';

/** The app that people use, and the server it calls, which calls another one. */
const APP = newClient({ client_id: 'app', scope: ['openid', 'profile', 'read', 'write'], resources: [FILES] });
const SERVER = newClient({
  client_id: 'files',
  grant_types: [EXCHANGE],
  scope: ['openid', 'profile', 'read', 'admin'],
  resources: [FILES, INDEX],
});

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  for (const client of [APP, SERVER]) await registerClient(services, db.database, client);
  user = await addPerson(db.database, { username: randomId(), group_ids: ['system-users'] });
  return () => services.close();
});

/** What the app got for its user. */
async function given({ client = APP, scope = ['openid', 'profile', 'read', 'write'], resource = [FILES] } = {}): Promise<string> {
  return (await standardTokens(services, db.database, user, client, { scope, resource })).access_token;
}

function exchange(subject_token: string, form: Record<string, string> = {}, client: Client = SERVER, from = HOME) {
  const fixed = { grant_type: EXCHANGE, subject_token_type: ACCESS_TOKEN, resource: INDEX };
  return post(services, { ...fixed, subject_token, ...credentialsOf(client), ...form }, from);
}

function claimsOf(answer: unknown) {
  return services.accessTokens.read((answer as TokenSet).access_token, { for_anyone: true });
}

test('a server exchanges the token it received for one to call the next server, for the same person', async () => {
  const answer = await exchange(await given());
  expect(answer).toEqual({
    access_token: expect.any(String),
    issued_token_type: ACCESS_TOKEN,
    token_type: 'Bearer',
    expires_in: 1_800,
    scope: 'profile read',
  });
  expect(claimsOf(answer)).toMatchObject({ sub: user.id, aud: INDEX, client_id: 'files', scope: 'profile read', act: { sub: 'files' } });
});

test('earlier actors stay in the token', async () => {
  const first = await exchange(await given());
  const index = newClient({ client_id: 'index', grant_types: [EXCHANGE], scope: ['read'], resources: [INDEX] });
  await registerClient(services, db.database, index);
  const second = await exchange((first as TokenSet).access_token, { resource: '' }, index);
  expect(claimsOf(second)).toMatchObject({ sub: user.id, aud: INDEX, scope: 'read', act: { sub: 'index', act: { sub: 'files' } } });
});

test('the chain of exchanges is bounded', async () => {
  let token = await given();
  for (let count = 0; count < 5; count++) token = ((await exchange(token, { resource: FILES })) as TokenSet).access_token;
  expect(await exchange(token)).toBe(UNACCEPTABLE);
});

describe('the new token', () => {
  test('ends no later than the old one, and with its grant', async () => {
    const token = await given();
    services.time.advance(1_700);
    const answer = (await exchange(token)) as TokenSet;
    expect(answer.expires_in).toBe(100);
    expect(claimsOf(answer)?.exp).toBe(services.accessTokens.read(token, { for_anyone: true })?.exp);
    expect(claimsOf(answer)?.refresh_token_id).toBe(services.accessTokens.read(token, { for_anyone: true })?.refresh_token_id);
  });

  test.each<[string, Record<string, string>, object]>([
    ['has the scope that was asked for', { scope: 'read' }, { scope: 'read', aud: INDEX }],
    ['is for the old token’s server where none is named', { resource: '' }, { aud: FILES }],
    ['is for the server named as audience', { resource: '', audience: INDEX }, { aud: INDEX }],
    ['is for all the servers that are named', { audience: FILES }, { aud: [INDEX, FILES] }],
  ])('%s', async (_what, form, claims) => {
    expect(claimsOf(await exchange(await given(), form))).toMatchObject(claims);
  });

  test.each<[string, Record<string, string>, string]>([
    ['a scope that the old one has not', { scope: 'admin' }, 'invalid_scope'],
    ['a scope that the client has not', { scope: 'write' }, 'invalid_scope'],
    ['an ID token', { scope: 'openid' }, 'invalid_scope'],
    ['a server that is not the client’s', { resource: 'https://mail.example.com' }, 'invalid_target'],
    ['us, which the old one is not for', { resource: ISSUER }, 'invalid_target'],
    ['us by another parameter', { resource: '', audience: ISSUER }, 'invalid_target'],
    ['a refresh token', { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, 'invalid_request'],
    ['another actor', { actor_token: 'x', actor_token_type: ACCESS_TOKEN }, 'invalid_request'],
  ])('never has %s', async (_what, form, error) => {
    expect(await exchange(await given(), form)).toMatch(new RegExp(`^${error}`));
  });
});

describe('a token is not exchanged', () => {
  test.each<[string, () => Promise<string>]>([
    ['that is none of ours', async () => 'eyJhbGciOiJub25lIn0.e30.'],
    ['that was meant for us and given to another client', () => given({ resource: [] })],
    [
      'that no person is behind',
      async () => {
        const robot = newClient({ client_id: 'robot', grant_types: ['client_credentials'], resources: [FILES] });
        await registerClient(services, db.database, robot);
        const answer = await post(services, { grant_type: 'client_credentials', resource: FILES, ...credentialsOf(robot) });
        return (answer as TokenSet).access_token;
      },
    ],
    [
      'that has expired',
      async () => {
        const token = await given();
        services.time.advance(1_800); // within the leeway for other clocks
        return token;
      },
    ],
    [
      'whose grant is over',
      async () => {
        const token = await given();
        await db.database.kysely.deleteFrom('refresh_tokens').where('user_id', '=', user.id).execute();
        return token;
      },
    ],
    [
      'whose user is no longer active',
      async () => {
        const token = await given();
        await db.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', user.id).execute();
        return token;
      },
    ],
    [
      'that was revoked alone',
      async () => {
        const token = await given();
        await services.revocation.revoke(new Map(Object.entries({ token, ...credentialsOf(APP) })), { remote_address: HOME });
        return token;
      },
    ],
  ])('%s', async (_which, tokenOf) => {
    expect(await exchange(await tokenOf())).toBe(UNACCEPTABLE);
  });

  test('abroad, of a user who belongs to the home network', async () => {
    const token = await given();
    await db.database.kysely.updateTable('users').set({ local_only: true }).where('id', '=', user.id).execute();
    expect(await exchange(token, {}, SERVER, ABROAD)).toBe(UNACCEPTABLE);
    expect(await exchange(token)).toMatchObject({ issued_token_type: ACCESS_TOKEN });
  });

  test('by a client that its user may not use', async () => {
    await registerClient(services, db.database, { ...SERVER, allowed_group_ids: ['system-admin'] });
    expect(await exchange(await given())).toBe(UNACCEPTABLE);
  });

  test('by a public client', async () => {
    const open = await registerClient(services, db.database, { ...SERVER, client_id: 'open', token_endpoint_auth_method: 'none' });
    expect(await exchange(await given(), {}, open)).toMatch(/^unauthorized_client/);
  });

  test.each<[string, Record<string, string>]>([
    ['without a type', { subject_token_type: '' }],
    ['of another type', { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }],
    ['that is missing', { subject_token: '' }],
  ])('%s', async (_which, form) => {
    expect(await exchange(await given(), form)).toMatch(/^invalid_request: subject_token/);
  });
});

test('nothing is exchanged unless the operator says so', async () => {
  const off = await createTokenServices(db.database, { token_exchange_enabled: false });
  expect([...off.grants.keys()]).not.toContain(EXCHANGE);
  for (const client of [APP, SERVER]) off.clients.set(client.client_id, client);
  expect(await post(off, { grant_type: EXCHANGE, ...credentialsOf(SERVER) })).toBe('unsupported_grant_type');
  await off.close();
});
