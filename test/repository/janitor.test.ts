import { sql } from 'kysely';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { randomId, sha256 } from '../../src/domain/secret.ts';
import type { Database } from '../../src/postgres/database.ts';
import { type AuditEvents, createAuditEvents } from '../../src/repository/audit_events.ts';
import { createJanitor, EXPIRING, type Janitor } from '../../src/repository/janitor.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const DAY = 86_400;
let database: Database;
let audit: AuditEvents;
let janitor: Janitor;
let time: ReturnType<typeof createTestClock>;
const on_error = (error: unknown) => expect.fail(String(error));

const test_database = perFile(() => createTestDatabase());
beforeAll(() => {
  database = test_database.database;
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins', 'login_flows', 'failed_logins', 'ip_bans', 'audit_events', 'signing_keys'] as const) {
    await database.kysely.deleteFrom(table).execute();
  }
  time = createTestClock(NOON);
  audit = createAuditEvents({ database, clock: time.clock, on_error });
  janitor = newJanitor();
  return () => audit.close();
});

function newJanitor() {
  const lifetimes = { pending_lifetime: 30 * DAY, audit_retention: 30 * DAY, failure_lifetime: 3600 };
  return createJanitor({ database, clock: time.clock, audit, on_error, ...lifetimes });
}

const at = (seconds: number) => addSeconds(NOON, seconds);
const remaining = async (table: 'refresh_tokens' | 'users' | 'login_flows') =>
  (await database.kysely.selectFrom(table).select('id').execute()).length;

/** A grant that anybody may have, unless said otherwise. */
function grant(user_id: string, differences: { idle_lifetime?: number; expires_at?: Date; last_used_at?: Date } = {}) {
  const facts = { id: randomId(), user_id, token_type: 'normal' as const, client_id: 'https://app', access_token_expiration: 1800 };
  return database.kysely
    .insertInto('refresh_tokens')
    .values({ ...facts, created_at: NOON, auth_time: NOON, ...differences })
    .execute();
}

function flow(expires_at: Date) {
  const request = { client_id: 'https://app', redirect_uri: 'https://app/', flow_type: 'authorize' as const };
  const place = { auth_provider_type: 'homeassistant', remote_address: '192.0.2.1', network: '192.0.2.1', step_id: 'init' };
  return { id: randomId(), ...request, ...place, created_at: NOON, expires_at };
}

/** One round, without the tables in which nothing was due. */
const removed = async () => Object.fromEntries(Object.entries(await janitor.run()).filter(([, count]) => count > 0));

// S13
test('every table whose rows expire is in the list', async () => {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.columns
    where table_schema = current_schema() and column_name = 'expires_at'`.execute(database.kysely);
  // The janitor walks through grants by their key, because some have a deadline that moves.
  const removed = [...EXPIRING.map(([table]) => table), 'refresh_tokens'];
  expect(rows.map(({ name }) => name).filter((name) => !(removed as string[]).includes(name))).toEqual([]);
});

test('a row goes when its time has come, in every table', async () => {
  const { kysely } = database;
  const { id: user_id } = await addPerson(database);
  const provider = { auth_provider_type: 'homeassistant', remote_address: '192.0.2.1' };
  await kysely
    .insertInto('login_flows')
    .values(flow(at(600)))
    .execute();
  await kysely
    .insertInto('authorization_codes')
    .values({
      code_hash: sha256('code'),
      client_id: 'https://app',
      purpose: 'link_user',
      identity: '{}',
      ...provider,
      auth_time: NOON,
      created_at: NOON,
      expires_at: at(600),
    })
    .execute();
  await kysely
    .insertInto('device_codes')
    .values({
      ...{ device_code_hash: sha256('device'), user_code: 'BCDFGHJK', client_id: 'tv', scope: [], remote_address: '192.0.2.1' },
      ...{ created_at: NOON, expires_at: at(600) },
    })
    .execute();
  await kysely
    .insertInto('pushed_authorization_requests')
    .values({ request_uri_hash: sha256('pushed'), client_id: 'tv', parameters: '{}', created_at: NOON, expires_at: at(600) })
    .execute();
  const session = { id_hash: sha256('session'), sid: 'sid', user_id, ...provider, auth_time: NOON, created_at: NOON, last_used_at: NOON };
  await kysely
    .insertInto('sessions')
    .values({ ...session, expires_at: at(600) })
    .execute();
  await kysely
    .insertInto('failed_logins')
    .values({ address: '192.0.2.1', subject: Buffer.alloc(0), failures: 1, first_failed_at: NOON, last_failed_at: NOON })
    .execute();
  await kysely
    .insertInto('ip_bans')
    .values({ address: '192.0.2.1', banned_at: NOON, expires_at: at(600) })
    .execute();
  const setup = { id: 'a'.repeat(32), user_id, mfa_module_id: 'totp', form: Buffer.alloc(1), created_at: NOON, expires_at: at(600) };
  await kysely.insertInto('mfa_setup_flows').values(setup).execute();
  await kysely.insertInto('mfa_failures').values({ user_id, failures: 1, first_failed_at: NOON, last_failed_at: NOON }).execute();
  await kysely
    .insertInto('revoked_access_tokens')
    .values({ jti: 'a token', expires_at: at(600) })
    .execute();
  await kysely
    .insertInto('used_proofs')
    .values({ proof_hash: sha256('a proof'), expires_at: at(600) })
    .execute();
  await kysely.insertInto('audit_events').values({ at: NOON, type: 'user.created', outcome: 'done' }).execute();
  const key = { algorithm: 'ES256' as const, public_jwk: '{}', private_key: Buffer.alloc(1), created_at: NOON, signs_from: NOON };
  await kysely
    .insertInto('signing_keys')
    .values([
      { id: 'a', ...key },
      { id: 'b', ...key, expires_at: at(600) },
    ])
    .execute();

  time.set(at(599));
  expect(await removed()).toEqual({});
  time.set(at(600));
  expect(await removed()).toEqual({
    login_flows: 1,
    pushed_authorization_requests: 1,
    sessions: 1,
    mfa_setup_flows: 1,
    ip_bans: 1,
    revoked_access_tokens: 1,
    used_proofs: 1,
  });
  time.set(at(600 + 3600));
  expect(await removed()).toEqual({ authorization_codes: 1, device_codes: 1, signing_keys: 1 });
  time.set(at(DAY));
  expect(await removed()).toEqual({ mfa_failures: 1, failed_logins: 1 });
  time.set(at(30 * DAY));
  expect(await removed()).toEqual({ audit_events: 1 });
  expect(await remaining('users')).toBe(1);
});

describe('a grant', () => {
  test.each([
    ['never used, 5 s past its idle lifetime', { idle_lifetime: 90 * DAY }, 90 * DAY + 5, 0],
    ['used since', { idle_lifetime: 90 * DAY, last_used_at: at(DAY) }, 90 * DAY + 5, 1],
    ['used, idle too long', { idle_lifetime: 90 * DAY, last_used_at: at(DAY) }, 91 * DAY + 5, 0],
    ['past its absolute end', { expires_at: at(DAY) }, DAY, 0],
    ['without any deadline', {}, 10_000 * DAY, 1],
  ])('%s', async (_, differences, seconds, left) => {
    const { id } = await addPerson(database);
    await grant(id, differences);
    time.set(at(seconds));
    await janitor.run();
    expect(await remaining('refresh_tokens')).toBe(left);
  });
});

test('a user whom nobody approved in 30 days is gone with its login, and that is remembered', async () => {
  const forgotten = await addPerson(database, { is_active: false, is_pending: true, username: 'forgotten' });
  await addPerson(database, { is_active: false, is_pending: true, username: 'waiting', created_at: at(1) });
  await addPerson(database, { is_active: false, username: 'inactive' });
  time.set(at(30 * DAY));
  expect(await janitor.run()).toMatchObject({ users: 1 });
  const logins = await database.kysely.selectFrom('local_logins').select('username').orderBy('username').execute();
  expect(logins).toEqual([{ username: 'inactive' }, { username: 'waiting' }]);
  expect((await audit.list({ limit: 9, cursor: null })).items).toMatchObject([{ type: 'user.expired', target_user_id: forgotten.id }]);
});

test('more rows than one batch holds go in one round', async () => {
  for (let n = 0; n < 5; n++)
    await database.kysely
      .insertInto('login_flows')
      .values(Array.from({ length: 500 }, () => flow(NOON)))
      .execute();
  expect(await janitor.run()).toMatchObject({ login_flows: 2500 });
  expect(await remaining('login_flows')).toBe(0);
});

test('a row that somebody is working on is left for the next round', async () => {
  await database.kysely
    .insertInto('login_flows')
    .values([flow(NOON), flow(NOON)])
    .execute();
  await database.transaction(async (trx) => {
    await trx.selectFrom('login_flows').select('id').limit(1).forUpdate().execute();
    expect(await janitor.run()).toMatchObject({ login_flows: 1 });
  });
  expect(await janitor.run()).toMatchObject({ login_flows: 1 });
});

test('of two replicas one cleans at a time, and nothing is counted twice', async () => {
  await database.kysely
    .insertInto('login_flows')
    .values(Array.from({ length: 500 }, () => flow(NOON)))
    .execute();
  const others = newJanitor();
  const rounds = await Promise.all([janitor.run(), others.run(), janitor.run()]);
  expect(rounds[2]).toBe(rounds[0]);
  expect((rounds[0]?.login_flows ?? 0) + (rounds[1]?.login_flows ?? 0)).toBe(500);
});

test('it can be started and closed', async () => {
  janitor.start();
  expect(await janitor.close()).toBeUndefined();
});
