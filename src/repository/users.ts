// The table `users`: people, machines and the owner, read with their groups and credentials.
import { type Kysely, type SqlBool, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { JsonObject } from '../domain/json.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { buildPage, type Page, type PageRequest, pageSize, readCursor } from '../domain/pagination.ts';
import type { PersonProfile } from '../domain/profile.ts';
import type { User } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { usernameColumn } from './usernames.ts';

/** A user in listings. */
export interface UserListEntry extends User, PersonProfile {
  /** The credential whose provider reported the e-mail address; null: entered by a person. */
  email_credential_id: string | null;
  /** Whether the username is in its column and matches the local login. */
  is_username_stored: boolean;
  group_ids: string[];
  /** Who created the user; null: the operator, a login, or an older version. */
  created_by: string | null;
  /** `data`: what the provider reports about the person. Never a secret. */
  credentials: { type: string; id: string | null; data: JsonObject }[];
}

/** A user as read by `lock`. */
export type LockedUser = User & PersonProfile;

/** Updatable columns. */
export type UserChange = Partial<Pick<User, 'name' | 'is_active' | 'is_pending' | 'local_only'>> & ProfileChange;

/** `email_verified` is set only if nobody else has the address verified; see `verified`. */
export type ProfileChange = Partial<Omit<PersonProfile, 'username'>> & { email_credential_id?: string | null };

export type UserRepository = ReturnType<typeof createUserRepository>;

export function createUserRepository({ kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>) {
  const ownerExists = prepare<object, { exists: boolean }>('users_owner_exists', (kysely) =>
    kysely.selectNoFrom(({ exists, selectFrom }) => exists(selectFrom('users').select('id').where('is_owner', '=', true)).as('exists')),
  );

  return {
    async ownerExists(): Promise<boolean> {
      return (await ownerExists({}))[0]?.exists ?? false;
    },

    find: (id: string, trx = kysely): Promise<UserListEntry | undefined> => selectUsers(trx).where('id', '=', id).executeTakeFirst(),

    /** Oldest first, machines included. */
    async page(request: PageRequest): Promise<Page<UserListEntry>> {
      const after = readCursor(request.cursor);
      const query = selectUsers(kysely)
        .orderBy('created_at')
        .orderBy('id')
        .limit(pageSize(request) + 1);
      const rows = after
        ? query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '>', tuple(after.created_at, after.id)))
        : query;
      return buildPage(await rows.execute(), request);
    },

    /** Users waiting for approval, oldest first. */
    pending: (limit: number): Promise<UserListEntry[]> =>
      selectUsers(kysely).where('is_pending', '=', true).orderBy('created_at').orderBy('id').limit(limit).execute(),

    /** Active people by name, at most 1000, for providers that let a person choose. */
    active: () =>
      kysely
        .selectFrom('users')
        .select(['id', 'name', 'is_owner', groupIds])
        .where('is_active', '=', true)
        .where('system_generated', '=', false)
        .orderBy('name')
        .orderBy('id')
        .limit(1000)
        .execute(),

    /** Reads a user and locks the row until the transaction ends. */
    lock: (trx: Kysely<Schema>, id: string): Promise<LockedUser | undefined> =>
      trx.selectFrom('users').selectAll().where('id', '=', id).forUpdate().executeTakeFirst(),

    /**
     * Creates a user with its groups; `unmade` for a second owner. Roll back after `unknown_group`.
     */
    async create(
      trx: Kysely<Schema>,
      user: User & { created_by?: string | null },
      group_ids: readonly string[],
    ): Promise<'made' | 'unmade' | 'unknown_group'> {
      const { made, joined } = await trx
        .with('made', (query) =>
          query
            .insertInto('users')
            .values(user)
            .onConflict((conflict) => conflict.doNothing())
            .returning('id'),
        )
        .with('joined', (query) =>
          query
            .insertInto('user_groups')
            .columns(['user_id', 'group_id'])
            .expression(query.selectFrom(['made', 'groups']).select(['made.id', 'groups.id as group_id']).where(isOneOf(group_ids)))
            .returning('group_id'),
        )
        .selectNoFrom(({ selectFrom, fn }) => [
          selectFrom('made').select(fn.countAll<number>().as('count')).as('made'),
          selectFrom('joined').select(fn.countAll<number>().as('count')).as('joined'),
        ])
        .executeTakeFirstOrThrow();
      if (made !== 1) return 'unmade';
      return joined === group_ids.length ? 'made' : 'unknown_group';
    },

    /**
     * The number of waiting users; locks out parallel counts until the transaction ends, which
     * enforces the limit.
     */
    async countPending(trx: Kysely<Schema>): Promise<number> {
      await sql`select pg_advisory_xact_lock(${sql.lit(PENDING_LOCK_KEY)})`.execute(trx);
      const { count } = await trx
        .selectFrom('users')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('is_pending', '=', true)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Updates the given columns. Never a machine, and never deactivates the owner. */
    async update(trx: Kysely<Schema>, id: string, change: UserChange): Promise<boolean> {
      const updated = await trx
        .updateTable('users')
        .set(({ ref }) => ({ id: ref('id'), ...change, ...verified(id, change) }))
        .where('id', '=', id)
        .where('system_generated', '=', false)
        .where(({ or, eb }) => or([eb('is_owner', '=', false), eb.val(change.is_active ?? true)]))
        .returning('id')
        .executeTakeFirst();
      return updated !== undefined;
    },

    /** Updates the profile of anybody but a machine. */
    async updateProfile(trx: Kysely<Schema>, id: string, change: ProfileChange): Promise<void> {
      const query = trx.updateTable('users').set(({ ref }) => ({ id: ref('id'), ...change, ...verified(id, change) }));
      await query.where('id', '=', id).where('system_generated', '=', false).execute();
    },

    /**
     * Transfers ownership. `from`: only if that user is the owner. The target must be an active
     * person.
     */
    async handOver(trx: Kysely<Schema>, to: string, from: string | null): Promise<boolean> {
      const crowned = await trx
        .with('heir', (query) =>
          query
            .selectFrom('users')
            .select('id')
            .where('id', '=', to)
            .where('is_active', '=', true)
            .where('system_generated', '=', false)
            .where('is_owner', '=', false)
            .forUpdate(),
        )
        .with('former', (query) =>
          query
            .updateTable('users')
            .set({ is_owner: false })
            .where('is_owner', '=', true)
            .$if(from !== null, (former) => former.where('id', '=', from))
            .where(({ exists, selectFrom }) => exists(selectFrom('heir').select('id')))
            .returning('users.id'),
        )
        .updateTable('users')
        .from('heir')
        .set({ is_owner: true })
        .whereRef('users.id', '=', 'heir.id')
        // Reading `former` here runs it first; otherwise the unique index would see two owners.
        .where(({ exists, selectFrom }) => exists(selectFrom('former').select('id')))
        .returning('users.id')
        .executeTakeFirst();
      return crowned !== undefined;
    },

    /** Deletes a user with passwords; retires the username. Never the owner or a machine. */
    async remove(trx: Kysely<Schema>, id: string, now: Date): Promise<boolean> {
      const gone = await trx
        .with('gone', (query) =>
          query
            .deleteFrom('users')
            .where('id', '=', id)
            .where('is_owner', '=', false)
            .where('system_generated', '=', false)
            .returning(['id', usernameColumn('users').as('username')]),
        )
        .with('retired', (query) =>
          query
            .insertInto('retired_usernames')
            .columns(['username', 'user_id', 'retired_at'])
            .expression(
              query
                .selectFrom('gone')
                .select([sql<string>`gone.username`.as('username'), 'gone.id', sql.val(now).as('retired_at')])
                .where('gone.username', 'is not', null),
            )
            .onConflict((conflict) => conflict.column('username').doNothing()),
        )
        .with('logins', (query) =>
          query
            .deleteFrom('local_logins')
            .where('username', 'in', (logins) =>
              logins.selectFrom('credentials').innerJoin('gone', 'gone.id', 'credentials.user_id').select('subject').where(isLocal),
            ),
        )
        .selectFrom('gone')
        .select('id')
        .executeTakeFirst();
      return gone !== undefined;
    },
  };
}

/** Arbitrary but fixed. */
const PENDING_LOCK_KEY = 4_207_849_311;

/** An address can be verified for one person only. */
function verified(id: string, { email, email_verified }: ProfileChange) {
  if (email_verified !== true) return {};
  const address = email === undefined ? sql.ref('users.email') : sql.val(email);
  return {
    email_verified: sql<boolean>`not exists (
      select from users o where o.email_verified and lower(o.email) = lower(${address}) and o.id <> ${id})`,
  };
}

const isLocal = sql<SqlBool>`auth_provider_type = ${sql.lit(LOCAL_PROVIDER.auth_provider_type)} and auth_provider_id is null`;

const groupIds = sql<string[]>`array(select group_id from user_groups where user_id = users.id order by group_id)`.as('group_ids');

/** Users as in `UserListEntry`. */
export function selectUsers(kysely: Kysely<Schema>) {
  return kysely
    .selectFrom('users')
    .selectAll('users')
    .select(({ selectFrom }) => {
      const credentials = selectFrom('credentials').whereRef('user_id', '=', 'users.id');
      return [
        groupIds,
        // Replaces the column that `selectAll` reads.
        usernameColumn('users').as('username'),
        sql<boolean>`users.username is not null and users.username = coalesce(${credentials.select('subject').where(isLocal)}, users.username)`.as(
          'is_username_stored',
        ),
        jsonArrayFrom(
          credentials
            .select(['auth_provider_type as type', 'auth_provider_id as id', 'data'])
            .orderBy('created_at')
            .orderBy('credentials.id'),
        ).as('credentials'),
      ];
    });
}

function isOneOf(group_ids: readonly string[]) {
  return sql<SqlBool>`groups.id = any(${group_ids})`;
}
