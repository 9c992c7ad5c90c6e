// A sealed row that tells at start whether the configured secret_key is the one this database was written with.
import type { Database } from '../postgres/database.ts';
import type { SealedColumn, Sealer } from '../secrets/sealer.ts';

/** Its place, for whoever seals everything anew. */
export const SECRET_KEY_CANARY: SealedColumn = { table: 'secret_key_canary', column: 'sealed', id: 'true' };

/** Whether some secret_key has written this database. */
export async function hasSecretKeyCanary({ kysely }: Pick<Database, 'kysely'>): Promise<boolean> {
  return (await kysely.selectFrom('secret_key_canary').select('sealed').executeTakeFirst()) !== undefined;
}

/** Writes the canary at the first start; throws when it does not open at a later one. */
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
