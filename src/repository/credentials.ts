// The table `credentials`: identities at providers, and their users. Two unique indexes allow one
// credential per provider and user, and one user per identity.
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { ProviderKey } from '../domain/auth_provider.ts';
import type { JsonObject } from '../domain/json.ts';
import type { User } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/** A credential of a user. */
export interface Credential extends ProviderKey {
  id: string;
  user_id: string;
  /** The provider's identifier of the person. */
  subject: string;
  data: JsonObject;
  created_at: Date;
}

/**
 * The user and credential that a first login creates; id and creation time are the credential's.
 */
export type NewPerson = Pick<User, 'name' | 'is_active' | 'is_pending' | 'local_only'>;

export type CredentialRepository = ReturnType<typeof createCredentialRepository>;

export function createCredentialRepository({ kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>) {
  const findIdentity = prepare<{ type: string; id: string; subject: string }, Credential>('credentials_find_identity', (kysely, p) =>
    kysely
      .selectFrom('credentials')
      .selectAll()
      .where('auth_provider_type', '=', p.type)
      .where(sql<SqlBool>`coalesce(auth_provider_id, '') = ${p.id}`)
      .where('subject', '=', p.subject),
  );

  return {
    /** The credential of an identity at a provider. */
    findIdentity: async (provider: ProviderKey, subject: string): Promise<Credential | undefined> =>
      (await findIdentity({ type: provider.auth_provider_type, id: provider.auth_provider_id ?? '', subject }))[0],

    find: (id: string): Promise<Credential | undefined> =>
      kysely.selectFrom('credentials').selectAll().where('id', '=', id).executeTakeFirst(),

    /** A user's credentials, oldest first; at most one per provider. */
    ofUser: (user_id: string, trx = kysely): Promise<Credential[]> =>
      trx.selectFrom('credentials').selectAll().where('user_id', '=', user_id).orderBy('created_at').orderBy('id').limit(200).execute(),

    /** A user's credential at one provider. */
    ofUserAt: (user_id: string, provider: ProviderKey, trx = kysely): Promise<Credential | undefined> =>
      trx.selectFrom('credentials').selectAll().where('user_id', '=', user_id).where(isAt(provider)).executeTakeFirst(),

    /** False if the user has one at this provider, or the identity belongs to another user. */
    async insert(trx: Kysely<Schema>, credential: Credential): Promise<boolean> {
      const inserted = await trx
        .insertInto('credentials')
        .values(asRow(credential))
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      return inserted !== undefined;
    },

    /**
     * Creates a credential with a new user, or neither if the identity is taken. Unknown groups are
     * ignored. The credential is inserted first, so of parallel first logins one creates the user.
     */
    async insertWithUser(trx: Kysely<Schema>, credential: Credential, user: NewPerson, group_ids: readonly string[]): Promise<boolean> {
      const claimed = await trx
        .with('claimed', (query) =>
          query
            .insertInto('credentials')
            .values(asRow(credential))
            .onConflict((conflict) => conflict.doNothing())
            .returning('user_id'),
        )
        .with('made', (query) =>
          query
            .insertInto('users')
            .columns(['id', 'name', 'is_active', 'is_pending', 'local_only', 'created_at'])
            .expression(
              query
                .selectFrom('claimed')
                .select(({ val }) => [
                  'user_id',
                  val(user.name).as('name'),
                  val(user.is_active).as('is_active'),
                  val(user.is_pending).as('is_pending'),
                  val(user.local_only).as('local_only'),
                  val(credential.created_at).as('created_at'),
                ]),
            ),
        )
        .with('joined', (query) =>
          query
            .insertInto('user_groups')
            .columns(['user_id', 'group_id'])
            .expression(
              query
                .selectFrom(['claimed', 'groups'])
                .select(['claimed.user_id', 'groups.id'])
                .where(sql<SqlBool>`groups.id = any(${group_ids})`),
            ),
        )
        .selectFrom('claimed')
        .select('user_id')
        .executeTakeFirst();
      return claimed !== undefined;
    },

    /** Stores the address that the provider vouches for; null: none. Writes only changes. */
    async keepEmail({ id, email }: { id: string; email: string | null }): Promise<void> {
      await sql`update credentials
        set data = case when ${email}::text is null then data - 'email' else data || jsonb_build_object('email', ${email}::text) end
        where id = ${id} and data ->> 'email' is distinct from ${email}`.execute(kysely);
    },

    /**
     * Moves all credentials to another user; violates `credentials_one_per_provider` if both have
     * one at a provider.
     */
    moveAll: (trx: Kysely<Schema>, from: string, to: string): Promise<Credential[]> =>
      trx.updateTable('credentials').set({ user_id: to }).where('user_id', '=', from).returningAll().execute(),

    /** The password is removed by `local_logins.ts`. */
    async remove(trx: Kysely<Schema>, id: string): Promise<boolean> {
      return (await trx.deleteFrom('credentials').where('id', '=', id).returning('id').executeTakeFirst()) !== undefined;
    },
  };
}

function isAt({ auth_provider_type, auth_provider_id }: ProviderKey) {
  return sql<SqlBool>`auth_provider_type = ${auth_provider_type} and coalesce(auth_provider_id, '') = ${auth_provider_id ?? ''}`;
}

function asRow(credential: Credential) {
  return { ...credential, data: JSON.stringify(credential.data) };
}
