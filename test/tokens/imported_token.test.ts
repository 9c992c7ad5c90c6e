import { createHmac } from 'node:crypto';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import { jwtKeyPlace } from '../../src/tokens/imported_token.ts';
import { vectors } from '../support/clients/vectors.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, createTokenServices, HOME, newGrant, SEALER, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const NOW = NOON.getTime() / 1000;
const DAY = 86_400;
const KEY = 'f0'.repeat(64);

let services: TokenServices;
let user: User;
let id: string;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  user = await addPerson(db.database, { group_ids: ['system-users'] });
  id = await importGrant();
  return () => services.close();
});

/** A grant as an import writes it; null: without a key. */
async function importGrant(jwt_key: string | null = KEY): Promise<string> {
  const differences = { client_id: null, client_name: randomId(), token_type: 'long_lived_access_token' } as const;
  const { row } = newGrant(user, { ...differences, token_hash: null });
  await services.refreshTokens.create(row);
  const sealed = jwt_key === null ? null : SEALER.seal(jwt_key, jwtKeyPlace(row.id));
  await db.database.kysely.updateTable('refresh_tokens').set({ jwt_key: sealed }).where('id', '=', row.id).execute();
  return row.id;
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as Home Assistant signs it. */
function tokenOf(claims: unknown = {}, { key = KEY, header = { alg: 'HS256', typ: 'JWT' } as object, digest = 'sha256' } = {}): string {
  const own = typeof claims === 'object' && !Array.isArray(claims) ? { iss: id, iat: NOW, exp: NOW + DAY, ...claims } : claims;
  const text = `${part(header)}.${part(own)}`;
  return `${text}.${createHmac(digest, key).update(text).digest('base64url')}`;
}

const isKnown = async (token: string, remote_address = HOME) => (await services.bearer.authenticate(token, remote_address)) !== null;

test('a token of Home Assistant is its user with the imported grant', async () => {
  expect(await services.bearer.authenticate(tokenOf(), HOME)).toMatchObject({
    user: { id: user.id },
    refresh_token_id: id,
    token_type: 'long_lived_access_token',
    profile: 'home_assistant',
    is_admin: false,
  });
});

test.each([
  { alg: 'HS256', typ: 'JWT' },
  { typ: 'JWT', alg: 'HS256' },
])('the header %j is one of PyJWT', async (header) => {
  expect(await isKnown(tokenOf({}, { header }))).toBe(true);
});

test.each<[string, () => string]>([
  ['another key', () => tokenOf({}, { key: 'e0'.repeat(64) })],
  ['an empty key', () => tokenOf({}, { key: '' })],
  ['the key as bytes', () => tokenOf({}, { key: Buffer.from(KEY, 'hex').toString('latin1') })],
  ['no signature', () => tokenOf().replace(/[^.]*$/, '')],
  ['two parts', () => tokenOf().replace(/\.[^.]*$/, '')],
  ['four parts', () => `${tokenOf()}.x`],
  ['a padded signature', () => `${tokenOf()}=`],
  ['SHA-512 under HS256', () => tokenOf({}, { digest: 'sha512' })],
  ['HS512', () => tokenOf({}, { header: { alg: 'HS512', typ: 'JWT' }, digest: 'sha512' })],
  ['no algorithm', () => tokenOf({}, { header: { alg: 'none', typ: 'JWT' } })],
  ['another key id', () => tokenOf({}, { header: { alg: 'HS256', typ: 'JWT', kid: 'x' } })],
  ['the type of our own', () => tokenOf({}, { header: { alg: 'HS256', typ: 'at+jwt' } })],
  ['an unknown grant', () => tokenOf({ iss: randomId() })],
  ['a grant that is no id', () => tokenOf({ iss: `${id}' or true` })],
  ['our issuer', () => tokenOf({ iss: 'https://auth.example.com' })],
  ['no exp', () => tokenOf({ exp: undefined })],
  ['no iat', () => tokenOf({ iat: undefined })],
  ['a text as exp', () => tokenOf({ exp: `${NOW + DAY}` })],
  ['an audience', () => tokenOf({ aud: 'x' })],
  ['an nbf to come', () => tokenOf({ nbf: NOW + 11 })],
  ['an iat to come', () => tokenOf({ iat: NOW + 11 })],
  ['an array', () => tokenOf([])],
  ['more than 8192 characters', () => tokenOf({ padding: 'x'.repeat(8192) })],
])('a token with %s is nobody', async (_story, token) => {
  expect(await isKnown(token())).toBe(false);
});

test('expiry has a leeway of 10 seconds', async () => {
  expect([await isKnown(tokenOf({ exp: NOW - 9 })), await isKnown(tokenOf({ exp: NOW - 11 }))]).toEqual([true, false]);
});

test('a token that was verified before expires, too', async () => {
  const token = tokenOf({ exp: NOW + 60 });
  expect(await isKnown(token)).toBe(true);
  services.time.advance(71);
  expect(await isKnown(token)).toBe(false);
});

test('the key of one grant signs for no other', async () => {
  const other = await importGrant('e0'.repeat(64));
  expect(await isKnown(tokenOf({ iss: other }))).toBe(false);
  expect(await isKnown(tokenOf({ iss: other }, { key: 'e0'.repeat(64) }))).toBe(true);
});

test('a sealed key that was copied to another grant opens nothing', async () => {
  const { kysely } = db.database;
  const other = await importGrant(null);
  await kysely
    .updateTable('refresh_tokens')
    .set(({ selectFrom }) => ({ jwt_key: selectFrom('refresh_tokens as r').select('r.jwt_key').where('r.id', '=', id) }))
    .where('id', '=', other)
    .execute();
  await expect(isKnown(tokenOf({ iss: other }))).rejects.toThrow('sealed for another place');
});

test.each<[string, () => Promise<unknown>, string?]>([
  ['revoking the grant', () => services.refreshTokens.revoke({ user_id: user.id, id })],
  ['disabling the user', () => db.database.kysely.updateTable('users').set({ is_active: false }).where('id', '=', user.id).execute()],
  ['local_only', () => db.database.kysely.updateTable('users').set({ local_only: true }).where('id', '=', user.id).execute(), ABROAD],
])('%s ends its tokens at once', async (_story, change, address = HOME) => {
  const token = tokenOf();
  expect(await isKnown(token, address)).toBe(true);
  await change();
  expect(await isKnown(token, address)).toBe(false);
});

test('a grant without a key accepts no HS256 token, and a key-bound request none at all', async () => {
  const other = await importGrant(null);
  expect(await isKnown(tokenOf({ iss: other }, { key: '' }))).toBe(false);
  expect(await services.bearer.authenticate(tokenOf(), HOME, 'a thumbprint')).toBeNull();
});

test('only a long-lived grant may have a key', async () => {
  const { row } = newGrant(user);
  await services.refreshTokens.create(row);
  const query = db.database.kysely
    .updateTable('refresh_tokens')
    .set({ jwt_key: Buffer.alloc(40) })
    .where('id', '=', row.id);
  await expect(query.execute()).rejects.toThrow('only_long_lived_has_a_jwt_key');
});

test('a wrong signature and an unknown grant are forged; a token of an app that was imported is not', async () => {
  const app = await importGrant(null);
  const forged = services.importedTokens.isForged;
  expect(await forged(tokenOf({}, { key: 'e0'.repeat(64) }))).toBe(true);
  expect(await forged(tokenOf({ iss: randomId() }))).toBe(true);
  expect(await forged(tokenOf({ iss: app }))).toBe(false);
  expect(await forged(tokenOf())).toBe(false);
});

for (const { id: vector, given, expect: want } of vectors('access-token')) {
  const claims = { exp: NOW - Number(given.expired_seconds_ago) };
  if (given.expired_seconds_ago === undefined) continue;
  test(`${vector}: a token expired ${given.expired_seconds_ago} s ago`, async () => {
    expect(await isKnown(tokenOf(claims))).toBe(want.valid);
  });
}
