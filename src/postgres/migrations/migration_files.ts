// The SQL files of a migrations folder, in order and checksummed. Called by migrate.ts and by the tests' template database.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** migrations/ lies beside both src/ and dist/. */
export const DEFAULT_FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url));

export interface Migration {
  version: number;
  /** The file's name, `0001_users.sql`. */
  name: string;
  text: string;
  /** SHA-256 of the text, hex; the same whatever line ends a checkout makes. */
  checksum: string;
  /** False for a file that opens with `-- no-transaction`: one statement that PostgreSQL runs only outside of one. */
  in_transaction: boolean;
  /**
   * The number that a program's own migrations must reach for it to run on the outcome, from a line `-- oldest-program: 0012`. Null, the rule:
   * the file only adds, and every older program runs on.
   */
  oldest_program: number | null;
}

/** Reads `NNNN_name.sql`, ordered by number. Throws on any other `.sql` file and on a number that is used twice. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(names.map((name) => readMigration(folder, name)));
  const twice = migrations.find(({ version }, index) => version === migrations[index + 1]?.version);
  if (twice) throw new Error(`Two migrations have the number of ${twice.name}`);
  return migrations;
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  const version = /^(\d{4})_\w+\.sql$/.exec(name)?.[1];
  if (version === undefined) throw new Error(`Migration ${name} is not named like 0001_users.sql`);
  const text = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
  const checksum = createHash('sha256').update(text).digest('hex');
  const oldest = /^-- oldest-program: (\d{4})$/m.exec(text)?.[1];
  const in_transaction = !text.startsWith('-- no-transaction');
  return { version: Number(version), name, text, checksum, in_transaction, oldest_program: oldest === undefined ? null : Number(oldest) };
}
