// Seals everything in the database with the current secret_key, so that earlier keys can be
// removed. Used by `latchkey keys reseal`.
import { type Kysely, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { SECRET_KEY_CANARY } from './secret_key_canary.ts';

/** The sealed columns, except those that expire within minutes. */
const SEALED_COLUMNS = [
  { table: 'signing_keys', column: 'private_key' },
  { table: 'mfa_enrolments', column: 'secret' },
  { table: 'refresh_tokens', column: 'jwt_key' },
  { table: SECRET_KEY_CANARY.table, column: SECRET_KEY_CANARY.column },
];

/**
 * All or nothing; returns the number of values sealed with an earlier key. Throws if a value opens
 * with no configured key.
 */
export async function resealSecrets({ database, sealer }: { database: Pick<Database, 'transaction'>; sealer: Sealer }): Promise<number> {
  return await database.transaction(async (trx) => {
    let count = 0;
    for (const place of SEALED_COLUMNS) count += await resealColumn(trx, sealer, place);
    return count;
  });
}

async function resealColumn(trx: Kysely<Schema>, sealer: Sealer, { table, column }: (typeof SEALED_COLUMNS)[number]): Promise<number> {
  const [from, name] = [sql.table(table), sql.ref(column)];
  const { rows } = await sql<{
    id: string;
    sealed: Buffer;
  }>`select id::text, ${name} as sealed from ${from}
    where ${name} is not null order by id for update`.execute(trx);
  const old = rows.filter(({ sealed }) => sealer.needsReseal(sealed));
  for (const { id, sealed } of old) {
    const place = { table, column, id };
    await sql`update ${from} set ${name} = ${sealer.seal(sealer.open(sealed, place), place)} where id::text = ${id}`.execute(trx);
  }
  return old.length;
}
