// A sealed row that shows at start whether the configured secret_key is the one of this database.
import type { Database } from '../postgres/database.ts';
import type { SealedColumn, Sealer } from '../secrets/sealer.ts';

/** Its location, for resealing. */
export const SECRET_KEY_CANARY: SealedColumn = { table: 'secret_key_canary', column: 'sealed', id: 'true' };

/** Whether the database was used with a secret_key. */
export async function hasSecretKeyCanary({ kysely }: Pick<Database, 'kysely'>): Promise<boolean> {
  return (await kysely.selectFrom('secret_key_canary').select('sealed').executeTakeFirst()) !== undefined;
}

/** Writes the canary at the first start; throws later if it does not open. */
export async function checkSecretKey({ kysely }: Pick<Database, 'kysely'>, sealer: Sealer): Promise<void> {
  await kysely
    .insertInto('secret_key_canary')
    .values({ sealed: sealer.seal('tweet', SECRET_KEY_CANARY) })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const { sealed } = await kysely.selectFrom('secret_key_canary').select('sealed').executeTakeFirstOrThrow();
  try {
    sealer.open(sealed, SECRET_KEY_CANARY);
  } catch (cause) {
    throw new Error('The configured secret_key is not the one this database was written with', { cause });
  }
}
