// What is in a database, table by table: how many rows, and a checksum over them.
import { sql } from 'kysely';
import type { Database } from '../../../src/postgres/database.ts';

export async function tableChecksums({ kysely }: Pick<Database, 'kysely'>, but: readonly string[] = []): Promise<Record<string, unknown>> {
  const { rows } = await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = current_schema()`.execute(kysely);
  const sums: Record<string, unknown> = {};
  for (const { name } of rows.filter((table) => !but.includes(table.name))) {
    const query = sql`select count(*)::int as rows, md5(string_agg(t::text, '|' order by t::text)) as sum from ${sql.table(name)} t`;
    sums[name] = (await query.execute(kysely)).rows[0];
  }
  return sums;
}
