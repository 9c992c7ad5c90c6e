import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openConnection } from '../../../src/postgres/connection.ts';
import { migrate, migrationStatus } from '../../../src/postgres/migrations/migrate.ts';
import { withMigrationLock } from '../../../src/postgres/migrations/migration_lock.ts';
import { createEmptyDatabase } from '../../support/fixtures/database.ts';

let place: Awaited<ReturnType<typeof createEmptyDatabase>>;
let client: pg.Client;
let folder: string;

beforeEach(async () => {
  place = await createEmptyDatabase();
  client = await openConnection(place);
  folder = await mkdtemp(join(tmpdir(), 'latchkey-migrations-'));
  await write('0001_first.sql', 'create table first (id integer);\ncreate table other (id integer);\n');
  await write('0002_second.sql', 'create table second (id integer);\n');
});
afterEach(async () => {
  await client.end();
  await place.drop();
  await rm(folder, { recursive: true });
});

const write = (name: string, text: string) => writeFile(join(folder, name), text);
const run = () => migrate(place, { folder });
const exists = async (name: string) => (await client.query('select to_regclass($1) is not null as found', [name])).rows[0].found;

it('applies files in order, once', async () => {
  const lines: string[] = [];
  expect(await migrate(place, { folder, log: (line) => lines.push(line) })).toEqual({ applied: ['0001_first.sql', '0002_second.sql'] });
  expect(lines).toEqual(['applied migration 0001_first.sql', 'applied migration 0002_second.sql']);
  expect(await run()).toEqual({ applied: [] });
});

it('applies the files of the program itself', async () => {
  const { applied } = await migrate(place);
  expect(applied.length).toBeGreaterThan(0);
  expect(await migrationStatus(place)).toMatchObject({ pending: [] });
});

it('tells what ran and what is pending without changing anything', async () => {
  expect(await migrationStatus(place, { folder })).toEqual({ applied: [], pending: ['0001_first.sql', '0002_second.sql'] });
  expect(await exists('schema_migrations')).toBe(false);
  await run();
  await write('0003_third.sql', 'select 1');
  expect(await migrationStatus(place, { folder })).toEqual({
    applied: ['0001_first.sql', '0002_second.sql'].map((name) => ({ name, applied_at: expect.any(Date) })),
    pending: ['0003_third.sql'],
  });
});

it('names file and line of a statement that fails, and leaves nothing of its file behind', async () => {
  await write('0003_third.sql', '-- ünïcode 🔑\ncreate table third (id integer);\ninsert into third values\n  (1), (nonsense);\n');
  await expect(run()).rejects.toThrow(/^0003_third\.sql:4: column "nonsense" does not exist/);
  expect([await exists('second'), await exists('third')]).toEqual([true, false]);
  await write('0003_third.sql', 'create table third (id integer);');
  expect(await run()).toEqual({ applied: ['0003_third.sql'] });
});

// X22
describe('a database that a newer program has migrated', () => {
  beforeEach(async () => {
    await run();
    await rm(join(folder, '0002_second.sql'));
  });

  it('is run on by an older one, which says so', async () => {
    const lines: string[] = [];
    expect(await migrate(place, { folder, log: (line) => lines.push(line) })).toEqual({ applied: [] });
    expect(lines).toEqual(['the database is newer than this program, which runs on it: 0002_second.sql']);
    expect(await migrationStatus(place, { folder })).toMatchObject({ pending: [] });
  });

  it('is gone on with by the newer one, whose files are still the same', async () => {
    await run();
    await write('0002_second.sql', 'create table second (id integer);\n');
    await write('0003_third.sql', 'select 1');
    expect(await run()).toEqual({ applied: ['0003_third.sql'] });
  });

  it('by one that did not yet say what older ones may do, is one like any other', async () => {
    await client.query('alter table schema_migrations drop column oldest_program');
    expect(await migrationStatus(place, { folder })).toMatchObject({ pending: [] });
    expect(await run()).toEqual({ applied: [] });
  });
});

describe('refuses', () => {
  beforeEach(run);

  it('a database on which a newer program says that this one cannot run', async () => {
    await write('0003_third.sql', '-- The column that nothing has read since 0002.\n-- oldest-program: 0002\ndrop table other;\n');
    await run();
    await rm(join(folder, '0003_third.sql'));
    expect(await run()).toEqual({ applied: [] });
    await rm(join(folder, '0002_second.sql'));
    const complaint = 'The database is too new for this program: 0003_third.sql needs one with migration 2, this one ends at 1';
    await expect(run()).rejects.toThrow(complaint);
    await expect(migrationStatus(place, { folder })).rejects.toThrow(complaint);
  });

  it('a file that was changed after it ran, but not for its line ends', async () => {
    await write('0001_first.sql', (await readFile(join(folder, '0001_first.sql'), 'utf8')).replaceAll('\n', '\r\n'));
    await run();
    await write('0001_first.sql', 'create table first (id bigint);');
    await expect(run()).rejects.toThrow('Migration 0001_first.sql was changed after the database had applied 0001_first.sql');
  });

  it('a file that went missing', async () => {
    await rm(join(folder, '0001_first.sql'));
    await expect(run()).rejects.toThrow('Migration 0001_first.sql is in the database, but its file is missing');
  });

  it('a file that comes before one that ran', async () => {
    await write('0004_fourth.sql', 'select 1');
    await run();
    await write('0003_third.sql', 'select 1');
    await expect(run()).rejects.toThrow('Migration 0003_third.sql comes too late: the database already is at 4');
  });

  for (const [name, message] of [
    ['0002_again.sql', 'Two migrations have the number of 0002_again.sql'],
    ['3_third.sql', 'Migration 3_third.sql is not named like 0001_users.sql'],
  ] as const) {
    it(`a file called ${name}`, async () => {
      await write(name, 'select 1');
      await expect(run()).rejects.toThrow(message);
    });
  }
});

describe('outside a transaction', () => {
  const index = '-- no-transaction\ncreate unique index concurrently if not exists first_id on first (id);\n';

  it('runs a file that says so', async () => {
    await write('0003_index.sql', index);
    expect(await run()).toMatchObject({ applied: expect.arrayContaining(['0003_index.sql']) });
    expect(await exists('first_id')).toBe(true);
  });

  it('replaces the invalid index that a failed run left', async () => {
    await run();
    await client.query('insert into first values (1), (1)');
    await write('0003_index.sql', index);
    await expect(run()).rejects.toThrow('0003_index.sql: could not create unique index "first_id"');
    await client.query('delete from first');
    await run();
    const { rows } = await client.query(`select indisvalid from pg_index where indexrelid = 'first_id'::regclass`);
    expect(rows).toEqual([{ indisvalid: true }]);
  });
});

describe('processes at once', () => {
  it('apply every file in one of them only, even one that builds an index concurrently', async () => {
    await write('0003_index.sql', '-- no-transaction\ncreate index concurrently first_id on first (id);\n');
    const outcomes = await Promise.all([1, 2, 3, 4, 5].map(run));
    expect(outcomes.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 0, 0, 3]);
  });

  it('stop waiting for a lock that nobody lets go', async () => {
    await withMigrationLock(place, async () => {
      await expect(withMigrationLock(place, async () => {}, 150)).rejects.toThrow(
        'Another process has held the migration lock for too long',
      );
    });
    expect(await withMigrationLock(place, async () => 'mine')).toBe('mine');
  });

  it('finish what a killed one began', async () => {
    await write('0003_slow.sql', 'create table third (id integer);\nselect pg_sleep(1);\n');
    const script = `import('./src/postgres/migrations/migrate.ts').then(({ migrate }) => migrate(${JSON.stringify({ connection: place.connection })}, ${JSON.stringify({ folder })}))`;
    const other = spawn(process.execPath, ['--import', 'tsx', '--eval', script], { stdio: 'ignore' });
    await expect.poll(asleep, { timeout: 20_000, interval: 20 }).toBe(true);
    other.kill('SIGKILL');
    await pause(0);
    expect([await exists('second'), await exists('third')]).toEqual([true, false]);
    expect(await run()).toEqual({ applied: ['0003_slow.sql'] });
  });

  const asleep = async () => {
    const { rowCount } = await client.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' and pid <> pg_backend_pid()`,
    );
    return rowCount === 1;
  };
});
