// Reads the SQL files of a migrations directory, in order and with checksums.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** migrations/ is next to both src/ and dist/. */
export const DEFAULT_FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url));

export interface Migration {
  version: number;
  /** The file name, `0001_users.sql`. */
  name: string;
  text: string;
  /** SHA-256 of the text in hex, independent of line endings. */
  checksum: string;
  /**
   * False for a file that starts with `-- no-transaction`: one statement that cannot run in a
   * transaction.
   */
  in_transaction: boolean;
  /**
   * The migration number that a program must know to run on the result, from a line `--
   * oldest-program: 0012`. Null: the file only adds, and every older program can run.
   */
  oldest_program: number | null;
}

/**
 * Reads `NNNN_name.sql`, ordered by number. Throws for other `.sql` files and duplicate numbers.
 */
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
