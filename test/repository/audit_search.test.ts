// The audit log stays fast when it is long: every filter is answered by an index.
import { sql } from 'kysely';
import { beforeAll, expect, test } from 'vitest';
import { type AuditFilter, listQuery } from '../../src/repository/audit_events.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const ROWS = 40_000;
/** Rows of one statement, which has a time limit. */
const BATCH = 5_000;
const test_database = perFile(() => createTestDatabase());

beforeAll(async () => {
  const { kysely } = test_database.database;
  for (let start = 1; start <= ROWS; start += BATCH)
    await sql`insert into audit_events (at, type, outcome, error_ref, actor_user_id, target_user_id, client_id, remote_address)
    select timestamptz '2026-01-01' + n * interval '1 second', case when n % 1000 = 0 then 'user.deleted' else 'login.succeeded' end,
      case when n % 500 = 0 then 'refused' else 'done' end, 'ref' || n, 'user' || n % 2000, 'user' || n % 3000, 'app' || n % 700,
      '10.0.' || n % 250 || '.1'
    from generate_series(${sql.lit(start)}, ${sql.lit(start + BATCH - 1)}) n`.execute(kysely);
  await sql`analyze audit_events`.execute(kysely);
});

interface Plan {
  'Node Type': string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

test.each<[string, AuditFilter]>([
  ['nothing', {}],
  ['a person', { user_id: 'user7' }],
  ['an app', { client_id: 'app9' }],
  ['a common type', { type: 'login.succeeded' }],
  ['a rare type', { type: 'user.deleted' }],
  ['refusals', { outcome: 'refused' }],
  ['an address', { remote_address: '10.0.3.1' }],
  ['a reference', { error_ref: 'ref77' }],
  ['a time long ago', { until: new Date('2026-01-01T01:00:00Z') }],
  ['a person who is unknown', { user_id: 'nobody' }],
])('a page filtered by %s reads about as many rows as it shows', async (_what, filter) => {
  for (const cursor of [null, `${Date.parse('2026-01-01T10:00:00Z')}.36000`]) {
    const query = listQuery(test_database.database.kysely, { ...filter, limit: 50, cursor });
    const [row] = (await query.explain('json', sql`analyze`)) as unknown as [Record<string, [{ Plan: Plan }]>];
    const nodes = nodesOf(Object.values(row)[0]![0].Plan);
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan on audit_events');
    for (const node of nodes) expect(node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)).toBeLessThan(500);
  }
});
