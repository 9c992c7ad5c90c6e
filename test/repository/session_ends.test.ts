// A session ends with what hangs on it, whatever happens at the same time.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { User } from '../../src/domain/user.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createSessionEndRepository, type SessionEndRepository } from '../../src/repository/session_ends.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { createTokenServices, redeem, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import {
  addSession,
  credentialsOf,
  PUBLIC_CLIENT,
  registerClient,
  standardCode,
  standardTokens,
  VERIFIER,
} from '../support/fixtures/standard_grants.ts';

let db: TestDatabase;
let database: Database;
let services: TokenServices;
let ends: SessionEndRepository;
let ann: User;

beforeAll(async () => {
  db = await createTestDatabase();
  database = db.database;
  services = await createTokenServices(database);
  ends = createSessionEndRepository(database);
  await registerClient(services, database, PUBLIC_CLIENT);
});
afterAll(async () => {
  await services.close();
  await db.close();
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins'] as const) await database.kysely.deleteFrom(table).execute();
  ann = await addPerson(database, { name: 'Ann', username: 'ann' });
  for (const sid of ['one', 'two']) await startSession(sid);
});

const startSession = (sid: string) => addSession(database, ann, sid);
const end = (sid = 'one') => ends.end({ sid, now: NOON });
const grants = () => database.kysely.selectFrom('refresh_tokens').select(['sid', 'scope']).orderBy('sid').execute();
const redeemCode = (code: string) => redeem(services, code, { code_verifier: VERIFIER, ...credentialsOf(PUBLIC_CLIENT) });

test('its grants end, but those of other sessions and those that outlive it', async () => {
  const standard = { scope: ['openid'], sid: 'one' };
  await standardTokens(services, database, ann, PUBLIC_CLIENT, standard);
  await standardTokens(services, database, ann, PUBLIC_CLIENT, { ...standard, sid: 'two' });
  await standardTokens(services, database, ann, PUBLIC_CLIENT, { ...standard, scope: ['openid', 'offline_access'] });
  const ended = await end();
  expect(ended).toMatchObject({ sid: 'one', user_id: ann.id, refresh_token_ids: [expect.any(String)] });
  expect(await grants()).toEqual([
    { sid: 'one', scope: ['openid', 'offline_access'] },
    { sid: 'two', scope: ['openid'] },
  ]);
});

test('a code of it that nobody redeemed yet is valid for nothing', async () => {
  const code = await standardCode(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'], sid: 'one' });
  await end();
  expect(await redeemCode(code)).toMatch(/^invalid_grant/);
});

test('a code that is stored when the session has ended already bears no grant', async () => {
  await end();
  const code = await standardCode(services, database, ann, PUBLIC_CLIENT, { scope: ['openid', 'offline_access'], sid: 'one' });
  expect(await redeemCode(code)).toMatch(/^invalid_grant/);
  expect(await grants()).toEqual([]);
  expect(services.events.at(-1)).toMatchObject({ type: 'authorization_code.refused', detail: { reason: 'The session has ended' } });
  // It is gone: a session of that name would not bring it back.
  await startSession('one');
  expect(await redeemCode(code)).toMatch(/^invalid_grant/);
  expect(await grants()).toEqual([]);
});

test('a code that is stored while the session ends waits for that, and bears no grant', async () => {
  let storing: Promise<string> | undefined;
  await database.transaction(async (trx) => {
    await sql`select id from users where id = ${ann.id} for update`.execute(trx);
    storing = standardCode(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'], sid: 'one' });
    await ends.endAll(trx, { user_id: ann.id, now: NOON });
  });
  expect(await redeemCode(await storing!)).toMatch(/^invalid_grant/);
  expect(await grants()).toEqual([]);
});

test('a code of a session that is past its end bears no grant, and one of no session is not asked for one', async () => {
  const [of_session, of_none] = [
    await standardCode(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'], sid: 'one' }),
    await standardCode(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'] }),
  ];
  await database.kysely.updateTable('sessions').set({ expires_at: NOON }).execute();
  expect(await redeemCode(of_session)).toMatch(/^invalid_grant/);
  expect(await redeemCode(of_none)).toMatchObject({ access_token: expect.any(String) });
});

test('a code that is redeemed at the same moment leaves no grant behind', async () => {
  for (let round = 0; round < 25; round++) {
    const code = await standardCode(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'], sid: 'one' });
    await Promise.all([redeemCode(code), end()]);
    expect(await grants()).toEqual([]);
    await startSession('one');
  }
});

test('all of a user end but the one of a grant that stays', async () => {
  const grant = await standardTokens(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'], sid: 'one' });
  await standardTokens(services, database, ann, PUBLIC_CLIENT, { scope: ['openid'], sid: 'two' });
  const { refresh_token_id = '' } = services.accessTokens.read(grant.access_token)!;
  const endAll = (except_refresh_token_id?: string) =>
    database.transaction((trx) =>
      ends.endAll(trx, { user_id: ann.id, now: NOON, ...(except_refresh_token_id && { except_refresh_token_id }) }),
    );
  expect(await endAll(refresh_token_id)).toMatchObject([{ sid: 'two' }]);
  expect(await grants()).toEqual([{ sid: 'one', scope: ['openid'] }]);
  expect(await endAll()).toMatchObject([{ sid: 'one' }]);
});

test('what is unknown or over ends nothing', async () => {
  expect(await end('nobody')).toBeUndefined();
  await end();
  expect(await end()).toBeUndefined();
});
