// The tables as Kysely types them are the tables there are: every table and column by name, and
// whether it may be null.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const test_database = perFile(() => createTestDatabase());

/**
 * `table.column` -> whether its type names null, read from the text of the interface: types are
 * gone at run time.
 */
function typedColumns(): Map<string, boolean> {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'src', 'postgres', 'schema.ts'), 'utf8');
  const schema = text.slice(text.indexOf('export interface Schema {')).replace(/^\s*\/\/.*$/gm, '');
  const columns = new Map<string, boolean>();
  for (const [, table = '', body = ''] of schema.matchAll(/^ {2}(\w+): \{(.*?)\}/gms)) {
    for (const [, column = '', type = ''] of body.matchAll(/(\w+): ([^;]+)(?:;|$)/g)) {
      // Of a ColumnType only the first part is what a read answers.
      const read = /^ColumnType<([^,]+),/.exec(type)?.[1] ?? type;
      columns.set(`${table}.${column}`, read.includes('null'));
    }
  }
  return columns;
}

test('the typed tables are the migrated ones, column by column', async () => {
  const { rows } = await sql<{ name: string; nullable: boolean }>`
    select table_name || '.' || column_name as name, is_nullable = 'YES' as nullable from information_schema.columns
    where table_schema = 'public' and table_name <> 'schema_migrations'`.execute(test_database.database.kysely);
  const migrated = Object.fromEntries(rows.map(({ name, nullable }) => [name, nullable]));
  expect(Object.fromEntries(typedColumns())).toEqual(migrated);
});

/** Rows that live for minutes: so few that to read them all costs less than to keep an index. */
const SHORT_LIVED = ['authorization_codes', 'device_codes', 'login_flows'];

test('what goes with another row is found by an index', async () => {
  const { rows } = await sql<{ name: string }>`
    select k.conrelid::regclass || '.' || a.attname as name
    from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'f' and k.connamespace = 'public'::regnamespace and k.conrelid::regclass::text <> all(${SHORT_LIVED})
      and not exists (select from pg_index i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1] and i.indisvalid)`.execute(
    test_database.database.kysely,
  );
  expect(rows).toEqual([]);
});
