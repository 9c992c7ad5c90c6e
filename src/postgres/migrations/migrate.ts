// Applies the SQL files in migrations/, at start and by `latchkey migrate`: each once, in order, in
// its own transaction, under a lock. Applied files must not change. Older versions keep running on
// the new schema unless a migration states otherwise.
import type pg from 'pg';
import { type ConnectionOptions, openConnection } from '../connection.ts';
import { DEFAULT_FOLDER, type Migration, readMigrations } from './migration_files.ts';
import { withMigrationLock } from './migration_lock.ts';

export interface MigrateOptions {
  /** The directory of the files; default: migrations/ beside src/ or dist/. */
  folder?: string | undefined;
  /** Receives a line for each applied file. */
  log?: ((line: string) => void) | undefined;
}

export interface MigrationStatus {
  applied: { name: string; applied_at: Date }[];
  pending: string[];
}

interface AppliedMigration {
  version: number;
  name: string;
  checksum: string;
  applied_at: Date;
  /** The oldest compatible program; absent if no version ever recorded it. */
  oldest_program?: number | null;
}

/**
 * Applies pending migrations on a direct connection and returns their names. Throws when a file
 * fails (with file and line), when an applied file was changed or is missing, and when the schema
 * is too new for this program.
 */
export async function migrate(source: ConnectionOptions, { folder, log }: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(folder ?? DEFAULT_FOLDER);
  return await withMigrationLock(source, async (client) => {
    await createMigrationTable(client);
    await addOldestProgram(client);
    const already = await readApplied(client);
    const pending = pendingOf(migrations, already);
    const newest = already.at(-1);
    if (newest && newest.version > newestOf(migrations)) log?.(`the database is newer than this program, which runs on it: ${newest.name}`);
    for (const migration of pending) {
      await apply(client, migration);
      log?.(`applied migration ${migration.name}`);
    }
    return { applied: pending.map(({ name }) => name) };
  });
}

/** Applied and pending migrations; changes nothing and takes no lock. Throws as `migrate` does. */
export async function migrationStatus(source: ConnectionOptions, { folder }: MigrateOptions = {}): Promise<MigrationStatus> {
  const migrations = await readMigrations(folder ?? DEFAULT_FOLDER);
  const client = await openConnection(source);
  try {
    const { rows } = await client.query(`select to_regclass('schema_migrations') is not null as exists`);
    const applied = rows[0].exists ? await readApplied(client) : [];
    const pending = pendingOf(migrations, applied).map(({ name }) => name);
    return { applied: applied.map(({ name, applied_at }) => ({ name, applied_at })), pending };
  } finally {
    await client.end();
  }
}

async function readApplied(client: pg.Client): Promise<AppliedMigration[]> {
  return (await client.query<AppliedMigration>('select * from schema_migrations order by version')).rows;
}

function pendingOf(migrations: Migration[], applied: AppliedMigration[]): Migration[] {
  const newest = newestOf(migrations);
  for (const { version, name, checksum, oldest_program } of applied) {
    const migration = migrations.find((candidate) => candidate.version === version);
    if (version > newest) {
      if ((oldest_program ?? 0) <= newest) continue;
      throw new Error(
        `The database is too new for this program: ${name} needs one with migration ${oldest_program}, this one ends at ${newest}`,
      );
    }
    if (!migration) throw new Error(`Migration ${name} is in the database, but its file is missing`);
    if (migration.checksum !== checksum) throw new Error(`Migration ${migration.name} was changed after the database had applied ${name}`);
  }
  const last = applied.at(-1)?.version ?? 0;
  const pending = migrations.filter(({ version }) => !applied.some((row) => row.version === version));
  const late = pending.find(({ version }) => version < last);
  if (late) throw new Error(`Migration ${late.name} comes too late: the database already is at ${last}`);
  return pending;
}

/** Only if missing: a role without CREATE is refused even `if not exists`. */
async function createMigrationTable(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`select to_regclass('schema_migrations') is not null as exists`);
  if (rows[0].exists) return;
  await client.query(`create table schema_migrations (
    version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())`);
}

/** Older versions created the table without it. */
async function addOldestProgram(client: pg.Client): Promise<void> {
  const { fields } = await client.query('select * from schema_migrations limit 0');
  if (fields.some(({ name }) => name === 'oldest_program')) return;
  await client.query('alter table schema_migrations add column oldest_program integer');
}

function newestOf(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  if (migration.in_transaction) return await inTransaction(client, () => runFile(client, migration));
  // A crash between these two repeats the file, so its statement must allow that (`if not exists`).
  await dropBrokenIndex(client, migration);
  await runFile(client, migration);
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('begin');
  try {
    // Waiting longer for a table lock would block everyone queued behind it.
    await client.query(`set local lock_timeout = '10s'`);
    await work();
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

async function runFile(client: pg.Client, migration: Migration): Promise<void> {
  const { version, name, checksum, text, oldest_program } = migration;
  try {
    await client.query(text);
  } catch (error) {
    throw new Error(`${name}${failingLine(text, error)}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const insert = 'insert into schema_migrations (version, name, checksum, oldest_program) values ($1, $2, $3, $4)';
  await client.query(insert, [version, name, checksum, oldest_program]);
}

/** PostgreSQL's position counts characters from 1 and is not always present. */
function failingLine(text: string, error: unknown): string {
  const position = error instanceof Error && 'position' in error ? Number(error.position) : Number.NaN;
  if (Number.isNaN(position)) return '';
  return `:${[...text].slice(0, position - 1).filter((character) => character === '\n').length + 1}`;
}

/**
 * A failed `create index concurrently` leaves an invalid index, which `if not exists` would accept.
 */
async function dropBrokenIndex(client: pg.Client, { text }: Migration): Promise<void> {
  const index = /create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(\w+)/i.exec(text)?.[1];
  if (index === undefined) return;
  const { rows } = await client.query('select 1 from pg_index where indexrelid = to_regclass($1) and not indisvalid', [index]);
  if (rows.length > 0) await client.query(`drop index concurrently ${index}`);
}
