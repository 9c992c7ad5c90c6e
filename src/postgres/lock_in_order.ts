// Statements that lock rows of many people at once would lock them in any order, and wait in a circle with round trips that do the same for many
// requests (together.ts). Whatever ends that much locks it first, in the order in which they do.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** By what they order their runs. */
const ORDER = { refresh_tokens: sql.ref('id'), authorization_codes: sql.ref('code_hash') };

/** Locks the rows for which the condition holds until the transaction ends. */
export async function lockInOrder(trx: Kysely<Schema>, table: keyof typeof ORDER, which: RawBuilder<boolean>): Promise<void> {
  // They are counted so that none is sent.
  await sql`select count(*) from (
    select from ${sql.table(table)} where ${which} order by ${ORDER[table]} for update) as locked`.execute(trx);
}
