import net from 'node:net';
import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { AuthError } from '../../src/domain/errors.ts';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let database: Database;
const idle_errors: Error[] = [];

const test = perFile(() => createTestDatabase({ on_error: (error) => idle_errors.push(error) }));
beforeAll(async () => {
  database = test.database;
  await sql`create table thing (id integer primary key, label text, made timestamptz, raw bytea, doc jsonb, big bigint)`.execute(
    database.kysely,
  );
});

const unavailable = expect.objectContaining({ code: 'unavailable', description: 'The database is not available', retry_after: 1 });

/** A query whose text is free, with gaps for its values. */
function prepareRaw<Values extends object, Row>(name: string, text: (p: Values) => ReturnType<typeof sql<Row>>) {
  return database.prepare<Values, Row>(name, (_, p) => text(p));
}

describe('values', () => {
  it('come back as numbers, dates, buffers and objects', async () => {
    const made = new Date('2026-01-02T03:04:05.678Z');
    const read = prepareRaw<{ made: Date; raw: Buffer; doc: string }, object>(
      'thing.values',
      (p) => sql`insert into thing values (1, 'a', ${p.made}, ${p.raw}, ${p.doc}, 9007199254740991) returning *`,
    );
    const rows = await read({ made, raw: Buffer.from([0, 255]), doc: '[{"a":1}]' });
    expect(rows).toEqual([{ id: 1, label: 'a', made, raw: Buffer.from([0, 255]), doc: [{ a: 1 }], big: Number.MAX_SAFE_INTEGER }]);
  });

  it('keep the digits of a bigint that no number can hold', async () => {
    const { rows } = await sql`select 9007199254740993::bigint as big`.execute(database.kysely);
    expect(rows).toEqual([{ big: '9007199254740993' }]);
  });
});

describe('a prepared query', () => {
  it('is built once, and its constants stay', async () => {
    let built = 0;
    const find = database.prepare<{ id: string }, { id: string }>('users.find', (kysely, p) => {
      built += 1;
      return kysely.selectFrom('users').select('id').where('id', '=', p.id).where('is_owner', '=', true).limit(1);
    });
    expect(await find({ id: 'a'.repeat(32) })).toEqual([]);
    expect(await find({ id: 'b'.repeat(32) })).toEqual([]);
    expect(built).toBe(1);
  });

  it('runs under its name on the server', async () => {
    const one = createDatabase({ connection: test.connection, pool_size: 1, on_error: () => {} });
    const names = () => sql<{ name: string }>`select name from pg_prepared_statements`.execute(one.kysely).then(({ rows }) => rows);
    await one.prepare('thing.one', (_, p: { n: number }) => sql`select ${p.n}::int as n`)({ n: 1 });
    expect(await names()).toEqual([{ name: 'thing.one' }]);
    await one.close();
  });

  it('has no name behind a pooler in transaction mode, and the connection no settings', async () => {
    const one = createDatabase({ connection: test.connection, pool_size: 1, prepared_statements: false, on_error: () => {} });
    await one.prepare('thing.one', (_, p: { n: number }) => sql`select ${p.n}::int as n`)({ n: 1 });
    const { rows } = await sql`
      select count(*) as names, current_setting('lock_timeout') as lock, current_setting('plan_cache_mode') as plan
      from pg_prepared_statements`.execute(one.kysely);
    expect(rows).toEqual([{ names: 0, lock: '0', plan: 'auto' }]);
    await one.close();
  });

  it('is planned once on each connection', async () => {
    const one = createDatabase({ connection: test.connection, pool_size: 1, on_error: () => {} });
    const find = one.prepare(
      'thing.planned',
      (_, p: { id: number | null }) => sql`select 1 from thing where ${p.id}::int is null or id = ${p.id}`,
    );
    for (let run = 0; run < 10; run += 1) await find({ id: 1 });
    const { rows } = await sql`select generic_plans, custom_plans from pg_prepared_statements`.execute(one.kysely);
    expect(rows).toEqual([{ generic_plans: 10, custom_plans: 0 }]);
    await one.close();
  });

  it('refuses a second text under the same name', () => {
    prepareRaw('thing.same', () => sql`select 1`);
    prepareRaw('thing.same', () => sql`select 1`);
    expect(() => prepareRaw('thing.same', () => sql`select 2`)).toThrow('Two different queries are called thing.same');
  });

  it('refuses to make a constant of a value that comes later', () => {
    expect(() => prepareRaw<{ a: string }, unknown>('thing.text', (p) => sql`select ${`x${p.a}`}`)).toThrow('p.a is a placeholder');
    expect(() => prepareRaw<{ a: string }, unknown>('thing.json', (p) => sql`select ${JSON.stringify(p.a)}`)).toThrow(
      'p.a is a placeholder',
    );
  });

  it('survives a migration that changes its columns under it', async () => {
    await sql`create table growing (id integer)`.execute(database.kysely);
    const all = prepareRaw<object, object>('growing.all', () => sql`select * from growing`);
    await Promise.all(Array.from({ length: 10 }, () => all({})));
    await sql`alter table growing add column label text`.execute(database.kysely);
    await sql`insert into growing values (1, 'new')`.execute(database.kysely);
    for (let run = 0; run < 20; run += 1) expect(await all({})).toEqual([{ id: 1, label: 'new' }]);
  });
});

describe('a transaction', () => {
  it('leaves nothing behind when its work throws', async () => {
    const work = database.transaction(async (trx) => {
      await sql`insert into thing (id) values (50)`.execute(trx);
      throw new AuthError('conflict', 'no');
    });
    await expect(work).rejects.toMatchObject({ code: 'conflict' });
    const { rows } = await sql`select 1 from thing where id = 50`.execute(database.kysely);
    expect(rows).toEqual([]);
  });

  it('runs again when it deadlocked with another', async () => {
    await sql`insert into thing (id, big) values (60, 0), (61, 0)`.execute(database.kysely);
    let meet = () => {};
    const both_hold_one = new Promise<void>((resolve) => {
      meet = resolve;
    });
    let arrived = 0;
    const crossing = (first: number, second: number) =>
      database.transaction(async (trx) => {
        await sql`update thing set big = big + 1 where id = ${first}`.execute(trx);
        arrived += 1;
        if (arrived === 2) meet();
        await both_hold_one;
        await sql`update thing set big = big + 1 where id = ${second}`.execute(trx);
      });
    await Promise.all([crossing(60, 61), crossing(61, 60)]);
    expect(arrived).toBe(3);
    const { rows } = await sql`select big from thing where id in (60, 61)`.execute(database.kysely);
    expect(rows).toEqual([{ big: 2 }, { big: 2 }]);
  });
});

describe('a database that cannot serve', () => {
  const kill = (pid: number) => sql`select pg_terminate_backend(${pid})`.execute(database.kysely);
  const ownPid = (kysely: Database['kysely']) =>
    sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(kysely).then(({ rows }) => rows[0]!.pid);

  for (const [story, sqlstate] of [
    ['a full disk', '53100'],
    ['a read-only server', '25006'],
    ['a shutdown', '57P01'],
    ['a statement that ran too long', '57014'],
  ]) {
    it(`is unavailable: ${story}`, async () => {
      const failing = sql`do ${sql.lit(`begin raise exception 'x' using errcode = '${sqlstate}'; end`)}`.execute(database.kysely);
      await expect(failing).rejects.toEqual(unavailable);
    });
  }

  it('is distinguished from a wrong query', async () => {
    await expect(sql`select 1 / 0`.execute(database.kysely)).rejects.toMatchObject({ code: '22012' });
  });

  it('is unavailable when nobody listens', async () => {
    const nowhere = createDatabase({ connection: { ...test.connection, port: 1 }, on_error: () => {} });
    await expect(nowhere.kysely.selectFrom('users').selectAll().execute()).rejects.toEqual(unavailable);
    await expect(nowhere.prepare('x.y', () => sql`select 1`)({})).rejects.toEqual(unavailable);
    await expect(nowhere.ping()).rejects.toEqual(unavailable);
    await nowhere.close();
  });

  it('is named in the detail, each address of it', async () => {
    const nowhere = createDatabase({ connection: { ...test.connection, host: 'localhost', port: 1 }, on_error: () => {} });
    await expect(nowhere.ping()).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringContaining('ECONNREFUSED 127.0.0.1:1'),
    });
    await nowhere.close();
  });

  it('does not end the process when it drops a connection in a transaction, and the pool heals', async () => {
    const work = database.transaction(async (trx) => {
      await kill(await ownPid(trx));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await sql`select 1`.execute(trx);
    });
    await expect(work).rejects.toEqual(unavailable);
    await database.ping();
  });

  it('reports a connection that died while idle', async () => {
    const one = createDatabase({ connection: test.connection, pool_size: 1, on_error: (error) => idle_errors.push(error) });
    await kill(await ownPid(one.kysely));
    await expect.poll(() => idle_errors.length).toBeGreaterThan(0);
    await one.ping();
    await one.close();
  });

  it('answers within the limit when it holds a lock, and when every connection waits', async () => {
    const one = createDatabase({ connection: test.connection, pool_size: 1, on_error: () => {} });
    const started = performance.now();
    await database.transaction(async (trx) => {
      await sql`lock table thing`.execute(trx);
      const waiting = [1, 2].map((id) => sql`update thing set label = 'x' where id = ${id}`.execute(one.kysely));
      const outcomes = await Promise.allSettled(waiting);
      expect(outcomes).toEqual([1, 2].map(() => ({ status: 'rejected', reason: unavailable })));
    });
    expect(performance.now() - started).toBeLessThan(2_900);
    await one.ping();
    expect(one.poolCounters()).toEqual({ total: 1, idle: 1, waiting: 0 });
    await one.close();
  });

  it('gives up a peer that fell silent, and its connection', { timeout: 20_000 }, async () => {
    const silent = await createSilenceableProxy(test.connection);
    const one = createDatabase({
      connection: { ...test.connection, host: '127.0.0.1', port: silent.port },
      pool_size: 1,
      on_error: () => {},
    });
    await one.ping();
    silent.setSilent(true);
    const started = performance.now();
    await expect(one.ping()).rejects.toEqual(unavailable);
    expect(performance.now() - started).toBeLessThan(1_500);
    await expect(one.transaction((trx) => sql`select 1`.execute(trx))).rejects.toEqual(unavailable);
    expect(performance.now() - started).toBeLessThan(6_000);
    silent.setSilent(false);
    await expect
      .poll(
        () =>
          one.ping().then(
            () => 'answers',
            () => 'waits',
          ),
        { timeout: 6_000 },
      )
      .toBe('answers');
    await one.close();
    silent.close();
  });

  it('is not ready while it is read-only', async () => {
    const { user, password, host, port, database: name } = test.connection;
    const options = encodeURIComponent('-c default_transaction_read_only=on');
    const url = `postgres://${user}:${password}@${encodeURIComponent(host)}:${port}/${name}?options=${options}`;
    const read_only = createDatabase({ connection: url, on_error: () => {} });
    await expect(read_only.ping()).rejects.toEqual(unavailable);
    await read_only.close();
  });
});

/** Carries bytes both ways until told otherwise; connections stay open. */
async function createSilenceableProxy(target: { host: string; port: number }) {
  let silent = false;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = target.host.startsWith('/') ? net.connect(`${target.host}/.s.PGSQL.${target.port}`) : net.connect(target.port, target.host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => silent || to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    setSilent(value: boolean) {
      silent = value;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
