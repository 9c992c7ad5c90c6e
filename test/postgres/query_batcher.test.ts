import { sql } from 'kysely';
import { beforeAll, expect, it } from 'vitest';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let database: Database;

const test = perFile(() => createTestDatabase());
beforeAll(async () => {
  database = test.database;
  await sql`create table counter (id integer primary key, count integer not null default 0, who text)`.execute(database.kysely);
  await sql`insert into counter (id) select generate_series(1, 100)`.execute(database.kysely);
});

interface Run {
  n: number;
}
const runs = (...all: number[]): Run[] => all.map((n) => ({ n }));
const xid = sql`pg_current_xact_id()::text as xid`;

it('is one round trip and one transaction for all that is asked in one turn, and each is given its own rows', async () => {
  const ask = database.prepareBatched(
    'together.series',
    (_, p: Run) => sql<{ i: number; xid: string }>`select i, ${xid} from generate_series(1, ${p.n}::int) i`,
  );
  const rows = await Promise.all(runs(2, 0, 3).map(ask));
  expect(rows.map((own) => own.map(({ i }) => i))).toEqual([[1, 2], [], [1, 2, 3]]);
  expect(new Set(rows.flat().map((row) => row.xid)).size).toBe(1);
  // The second time the connection knows the statement and its columns.
  expect(await ask({ n: 1 })).toEqual([{ i: 1, xid: expect.not.stringMatching(rows[0]?.[0]?.xid ?? '') }]);
});

it('reads values as a query of its own does', async () => {
  type Values = { at: Date; list: string[] | null; bytes: Buffer; doc: string };
  const build = (_: unknown, p: Values) =>
    sql<Values>`select ${p.at}::timestamptz as at, ${p.list}::text[] as list, ${p.bytes}::bytea as bytes, ${p.doc}::jsonb as doc, 7::bigint as big`;
  const alone = database.prepare<Values, Values>('together.values', build);
  const together = database.prepareBatched<Values, Values>('together.values', build);
  const values = [
    { at: new Date('2026-01-02T03:04:05.678Z'), list: ['a', 'b"c', ''], bytes: Buffer.from([0, 255]), doc: '[{"a":null}]' },
    { at: new Date(0), list: null, bytes: Buffer.alloc(0), doc: '1' },
  ];
  expect(await Promise.all(values.map(together))).toEqual(await Promise.all(values.map(alone)));
});

it('takes any number at once', async () => {
  const ask = database.prepareBatched('together.many', (_, p: Run) => sql<Run>`select ${p.n}::int as n`);
  const asked = Array.from({ length: 500 }, (_, n) => ({ n }));
  expect(await Promise.all(asked.map(ask))).toEqual(asked.map((row) => [row]));
});

it('lets nobody pay for a mistake of another, and does nothing twice', async () => {
  const count = database.prepareBatched(
    'together.divide',
    (_, p: Run) => sql<{ count: number }>`update counter set count = count + 10 / ${p.n}::int where id = 1 returning count`,
  );
  const outcomes = await Promise.allSettled(runs(10, 0, 5).map(count));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(outcomes[1]).toMatchObject({ reason: { code: '22012' } });
  expect(await count({ n: 10 })).toEqual([{ count: 4 }]);
});

it('reads what comes after a first run whose values the database refuses', async () => {
  const one = createDatabase({ connection: test.connection, pool_size: 1, on_error: () => {} });
  const ask = one.prepareBatched('together.refused', (_, p: { n: string }) => sql<Run>`select ${p.n}::int as n`);
  await expect(ask({ n: 'no number' })).rejects.toMatchObject({ code: '22P02' });
  expect(await ask({ n: '1' })).toEqual([{ n: 1 }]);
  await one.close();
});

it('sends nothing of a value that cannot be written', async () => {
  const count = database.prepareBatched(
    'together.circular',
    (_, p: { doc: object }) =>
      sql<{ count: number }>`update counter set count = count + 1, who = ${p.doc}::text where id = 2 returning count`,
  );
  const circular: { self?: object } = {};
  circular.self = circular;
  const outcomes = await Promise.allSettled([count({ doc: {} }), count({ doc: circular })]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(await count({ doc: {} })).toEqual([{ count: 2 }]);
});

it('lets the second of two that change the same row see what the first did', async () => {
  const take = database.prepareBatched(
    'together.take',
    (_, p: Run) => sql<{ id: number }>`update counter set count = 1 where id = ${p.n} and count = 0 returning id`,
    ({ n }) => String(n),
  );
  expect(await Promise.all(runs(3, 4, 3).map(take))).toEqual([[{ id: 3 }], [{ id: 4 }], []]);
});

it('locks rows in one order, so that two round trips never wait for each other', async () => {
  const count = database.prepareBatched(
    'together.order',
    (_, p: Run) => sql<{ id: number }>`update counter set count = count + 1 where id = ${p.n} returning id`,
    ({ n }) => String(n).padStart(3, '0'),
  );
  const other = createDatabase({ connection: test.connection, on_error: () => {} });
  const count_elsewhere = other.prepareBatched(
    'together.order',
    (_, p: Run) => sql<{ id: number }>`update counter set count = count + 1 where id = ${p.n} returning id`,
    ({ n }) => String(n).padStart(3, '0'),
  );
  const up = Array.from({ length: 60 }, (_, n) => ({ n: n + 10 }));
  const deadlocks = () =>
    sql<{ n: number }>`select deadlocks as n from pg_stat_database where datname = current_database()`
      .execute(database.kysely)
      .then(({ rows }) => rows[0]?.n);
  const before = await deadlocks();
  for (let round = 0; round < 20; round += 1) {
    const answers = await Promise.all([...up.map(count), ...up.toReversed().map(count_elsewhere)]);
    expect(answers.every((rows) => rows.length === 1)).toBe(true);
  }
  await other.close();
  expect(await deadlocks()).toBe(before);
});

it('is unavailable for all when the connection is lost under them, and the next ones are served', async () => {
  const end = database.prepareBatched(
    'together.end',
    (_, p: Run) => sql<object>`select pg_terminate_backend(pg_backend_pid()) from generate_series(1, ${p.n}::int)`,
  );
  const outcomes = await Promise.allSettled(runs(0, 1, 0).map(end));
  const unavailable = { status: 'rejected', reason: { code: 'unavailable' } };
  expect(outcomes).toMatchObject([unavailable, unavailable, unavailable]);
  expect(await Promise.all(runs(0, 0).map(end))).toEqual([[], []]);
});

// R3
it('is unavailable for all when one waits for a lock in vain, which it does once and on one connection', async () => {
  const name = 'waits for a lock';
  const other = createDatabase({ connection: test.connection, application_name: name, on_error: () => {} });
  const count = other.prepareBatched(
    'together.lock',
    (_, p: Run) => sql<{ id: number }>`update counter set count = count + 1 where id = ${p.n} returning id`,
  );
  const waiting = async () => {
    const query = sql<{ n: number }>`
      select count(*) as n from pg_stat_activity where application_name = ${name} and wait_event_type = 'Lock'`;
    return (await query.execute(database.kysely)).rows[0]?.n ?? 0;
  };
  let most = 0;
  await database.transaction(async (trx) => {
    await sql`lock table counter`.execute(trx);
    const outcomes = Promise.allSettled(runs(7, 8, 9).map(count));
    let over = false;
    void outcomes.then(() => {
      over = true;
    });
    while (!over) most = Math.max(most, await waiting());
    const refused = { status: 'rejected', reason: { code: 'unavailable', retry_after: 1 } };
    expect(await outcomes).toMatchObject([refused, refused, refused]);
  });
  expect(most).toBe(1);
  expect(await Promise.all(runs(7, 8, 9).map(count))).toEqual([[{ id: 7 }], [{ id: 8 }], [{ id: 9 }]]);
  await other.close();
});

it('needs no names behind a pooler in transaction mode', async () => {
  const one = createDatabase({ connection: test.connection, pool_size: 1, prepared_statements: false, on_error: () => {} });
  const ask = one.prepareBatched('together.unnamed', (_, p: Run) => sql<Run>`select ${p.n}::int as n`);
  for (let round = 0; round < 2; round += 1) expect(await Promise.all(runs(1, 2).map(ask))).toEqual([[{ n: 1 }], [{ n: 2 }]]);
  const { rows } = await sql`select count(*) as names from pg_prepared_statements`.execute(one.kysely);
  expect(rows).toEqual([{ names: 0 }]);
  await one.close();
});

it('survives a migration that changes its columns under it', async () => {
  await sql`create table growing (id integer)`.execute(database.kysely);
  const all = database.prepareBatched<object, object>('together.growing', () => sql<object>`select * from growing`);
  await Promise.all(Array.from({ length: 10 }, () => all({})));
  await sql`alter table growing add column label text`.execute(database.kysely);
  await sql`insert into growing values (1, 'new')`.execute(database.kysely);
  for (let round = 0; round < 20; round += 1) {
    expect(await Promise.all([all({}), all({})])).toEqual([[{ id: 1, label: 'new' }], [{ id: 1, label: 'new' }]]);
  }
});
