import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { randomId, sha256 } from '../../src/domain/secret.ts';
import { newUserCode } from '../../src/domain/user_code.ts';
import { createDeviceCodeRepository } from '../../src/repository/device_codes.ts';
import { createFailedLoginRepository } from '../../src/repository/failed_logins.ts';
import { createIpBanRepository } from '../../src/repository/ip_bans.ts';
import { createLoginFlowRepository } from '../../src/repository/login_flows.ts';
import { createPushedRequestRepository } from '../../src/repository/pushed_authorization_requests.ts';
import { LIMITED_TABLES, type LimitedTable } from '../../src/repository/row_limits.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { aLoginFlow } from '../support/fixtures/login_flow.ts';
import { NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { quotaOf } from '../support/fixtures/row_quota.ts';

const test = perFile(() => createTestDatabase());

const times = (created_at: Date) => ({ created_at, expires_at: addSeconds(created_at, 600) });

/** Stores one row as the endpoint does; answers whether it was. */
type Store = (network: string, at?: Date) => Promise<boolean>;

/** Each as a process of its own makes it. */
const stores: Record<LimitedTable, () => Store> = {
  login_flows() {
    const flows = createLoginFlowRepository(test.database);
    return (network, at = NOON) => flows.open(aLoginFlow(times(at)), quotaOf(network));
  },
  pushed_authorization_requests() {
    const pushed = createPushedRequestRepository(test.database);
    const row = { client_id: 'app', parameters: {}, dpop_jkt: null };
    return (network, at = NOON) => pushed.store({ ...row, request_uri_hash: sha256(randomId()), ...times(at) }, quotaOf(network));
  },
  device_codes() {
    const codes = createDeviceCodeRepository(test.database);
    const row = { client_id: 'tv', scope: [], resource: [], max_age: null, acr_values: [], poll_interval: 5 };
    return (network, at = NOON) =>
      codes.store({ ...row, device_code_hash: sha256(randomId()), user_code: newUserCode(), ...times(at) }, quotaOf(network));
  },
};

/** A network for each row; or a thousand networks for all rows but the third. */
const networkOf = (is_crowd: boolean) => (is_crowd ? sql`case n when 3 then 'net 3' else 'crowd ' || n % 1000 end` : sql`'net ' || n`);

/**
 * Fills a table with 100,000 rows that began one after the other before noon; the very first one is
 * in use.
 */
const fill: Record<LimitedTable, (from: number, to: number, is_crowd?: boolean) => ReturnType<typeof sql>> = {
  login_flows: (from, to, is_crowd = false) => sql`
    insert into login_flows (id, client_id, redirect_uri, flow_type, auth_provider_type, remote_address, network, step_id, created_at,
      expires_at, typed_at, version)
    select md5(n::text), 'https://app/', '', 'authorize', 'homeassistant', '', ${networkOf(is_crowd)}, 'init', at, at + interval '600 s',
      case when n = 1 then at end, ${is_crowd}::boolean::integer
    from generate_series(${from}::int, ${to}::int) n, lateral (select ${NOON}::timestamptz - (100001 - n) * interval '1 ms' as at) t`,
  pushed_authorization_requests: (from, to, is_crowd = false) => sql`
    insert into pushed_authorization_requests (request_uri_hash, client_id, parameters, network, created_at, expires_at, used_at)
    select sha256(n::text::bytea), 'app', '{}', ${networkOf(is_crowd)}, at, at + interval '600 s', case when n = 2 then at end
    from generate_series(${from}::int, ${to}::int) n, lateral (select ${NOON}::timestamptz - (100001 - n) * interval '1 ms' as at) t`,
  device_codes: (from, to, is_crowd = false) => sql`
    insert into device_codes (device_code_hash, user_code, client_id, scope, remote_address, created_at, expires_at, claimed_sid)
    select sha256(n::text::bytea), n::text, 'tv', '{}', ${networkOf(is_crowd)}, at, at + interval '600 s', case when n = 1 then 'sid' end
    from generate_series(${from}::int, ${to}::int) n, lateral (select ${NOON}::timestamptz - (100001 - n) * interval '1 ms' as at) t`,
};

async function count(table: LimitedTable, where = sql`true`): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)} where ${where}`.execute(
    test.database.kysely,
  );
  return rows[0]?.count ?? 0;
}

// S13
describe.each(LIMITED_TABLES)('%s', (table) => {
  const network = sql.ref(table === 'device_codes' ? 'remote_address' : 'network');

  it('holds a hundred rows of one network, of parallel requests at two replicas too, and expired ones make room', async () => {
    const replicas = [stores[table](), stores[table]()];
    const stored = await Promise.all(Array.from({ length: 150 }, (_, n) => replicas[n % 2]!('192.0.2.1')));
    expect(stored.filter(Boolean)).toHaveLength(100);
    expect(await count(table, sql`${network} = '192.0.2.1'`)).toBe(100);
    expect(await replicas[0]!('192.0.2.2')).toBe(true);
    expect(await replicas[1]!('192.0.2.1', addSeconds(NOON, 600))).toBe(true);
    expect(await count(table, sql`${network} = '192.0.2.1'`)).toBe(100);
  });

  it('holds 100,000 rows of all: the oldest that nobody has typed into are deleted, and nobody is refused', async () => {
    await test.database.kysely.deleteFrom(table).execute();
    for (let from = 1; from < 100_000; from += 10_000) await fill[table](from, from + 9_999).execute(test.database.kysely);
    const store = stores[table]();
    for (let n = 0; n < 150; n += 1) expect(await store(`198.51.100.${n}`)).toBe(true);
    const rows = await count(table);
    expect(rows).toBeLessThanOrEqual(100_000);
    expect(rows).toBeGreaterThanOrEqual(99_000);
    expect(await count(table, sql`${network} like '198.51.100.%'`)).toBe(150);
    // One in use that is older than all others stays, except a pushed request, which is worth
    // nothing once it was used.
    expect(await count(table, sql`${network} = 'net 1'`)).toBe(table === 'pushed_authorization_requests' ? 0 : 1);
    expect(await count(table, sql`${network} in ('net 2', 'net 3')`)).toBe(0);
  }, 60_000);

  it('the networks that have most rows lose them first, advanced or not, and anyone who has one keeps it', async () => {
    const { kysely } = test.database;
    await kysely.deleteFrom(table).execute();
    for (let from = 1; from < 100_000; from += 10_000) await fill[table](from, from + 9_999, true).execute(kysely);
    expect(await stores[table]()('198.51.100.1')).toBe(true);
    expect(await count(table)).toBe(99_001);
    expect(await count(table, sql`${network} = 'net 3'`)).toBe(1);
  }, 60_000);
});

// S13
it('100,000 failures and bans are kept: the oldest failures and the bans that end first are deleted', async () => {
  const { kysely } = test.database;
  await sql`insert into failed_logins (address, subject, failures, first_failed_at, last_failed_at)
    select '192.0.2.1', sha256(n::text::bytea), 1, at, at
    from generate_series(1, 100000) n, lateral (select ${NOON}::timestamptz - (100001 - n) * interval '1 ms' as at) t`.execute(kysely);
  await sql`insert into ip_bans (address, banned_at, expires_at)
    select 'net ' || n, ${NOON}::timestamptz, ${NOON}::timestamptz + n * interval '1 s' from generate_series(1, 100000) n`.execute(kysely);
  const failure = { address: '192.0.2.2', subject: sha256('ann'), now: NOON, since: addSeconds(NOON, -3600) };
  expect(await createFailedLoginRepository(test.database).add(failure)).toBe(1);
  expect(await createIpBanRepository(test.database).ban({ address: '192.0.2.2', now: NOON, expires_at: addSeconds(NOON, 1) })).toBe(true);
  const left = async (table: 'failed_logins' | 'ip_bans') =>
    Number((await sql<{ n: string }>`select count(*) n from ${sql.table(table)}`.execute(kysely)).rows[0]?.n);
  expect([await left('failed_logins'), await left('ip_bans')]).toEqual([99_001, 99_001]);
  const first = await kysely
    .selectFrom('failed_logins')
    .select('subject')
    .where('subject', 'in', [sha256('1'), sha256('100000')])
    .execute();
  expect(first.map(({ subject }) => subject)).toEqual([sha256('100000')]);
  const bans = await kysely.selectFrom('ip_bans').select('address').where('address', 'in', ['net 1', 'net 100000', '192.0.2.2']).execute();
  expect(bans.map(({ address }) => address).sort()).toEqual(['192.0.2.2', 'net 100000']);
}, 60_000);
