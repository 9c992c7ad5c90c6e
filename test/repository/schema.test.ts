// The tables as Kysely types them are the tables there are: every table and column by name, and whether it may be null.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let test_database: TestDatabase;
beforeAll(async () => {
  test_database = await createTestDatabase();
});
afterAll(() => test_database.close());

/** `table.column` -> whether its type names null, read from the text of the interface: types are gone at run time. */
function typedColumns(): Map<string, boolean> {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'src', 'repository', 'schema.ts'), 'utf8');
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
