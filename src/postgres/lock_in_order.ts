// Locks rows in a fixed order before bulk changes, to avoid deadlocks with batched statements
// (query_batcher.ts), which lock in the same order.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** The order columns of batched statements. */
const ORDER = { refresh_tokens: sql.ref('id'), authorization_codes: sql.ref('code_hash') };

/** Locks the rows that match the condition until the transaction ends. */
export async function lockInOrder(trx: Kysely<Schema>, table: keyof typeof ORDER, which: RawBuilder<boolean>): Promise<void> {
  // Counted, so that no rows are sent.
  await sql`select count(*) from (
    select from ${sql.table(table)} where ${which} order by ${ORDER[table]} for update) as locked`.execute(trx);
}
