// The table `users`: people, machines and the one owner. A user is read with the groups and logins that hang on it.
import { type Kysely, type SqlBool, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { type Page, type PageRequest, pageSize, readCursor, toPage } from '../domain/page.ts';
import type { User } from '../domain/user.ts';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

/** A user as lists show it. */
export interface UserEntry extends User {
  /** The name of its login at the local provider. */
  username: string | null;
  group_ids: string[];
  credentials: { type: string; id: string | null }[];
}

/** The columns an update may change. */
export type UserChange = Partial<Pick<User, 'name' | 'is_active' | 'is_pending' | 'local_only'>>;

export type Users = ReturnType<typeof createUsers>;

export function createUsers({ kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>) {
  const ownerExists = prepare<object, { exists: boolean }>('users_owner_exists', (kysely) =>
    kysely.selectNoFrom(({ exists, selectFrom }) => exists(selectFrom('users').select('id').where('is_owner', '=', true)).as('exists')),
  );

  return {
    async ownerExists(): Promise<boolean> {
      return (await ownerExists({}))[0]?.exists ?? false;
    },

    find: (id: string, trx = kysely): Promise<UserEntry | undefined> => selectUsers(trx).where('id', '=', id).executeTakeFirst(),

    /** Whose login at the local provider has this name, as it is stored. */
    findByUsername: (username: string): Promise<UserEntry | undefined> =>
      selectUsers(kysely)
        .where('id', 'in', (query) => query.selectFrom('credentials').select('user_id').where(isLocal).where('subject', '=', username))
        .executeTakeFirst(),

    /** Oldest first, machines included. */
    async page(request: PageRequest): Promise<Page<UserEntry>> {
      const after = readCursor(request.cursor);
      const query = selectUsers(kysely)
        .orderBy('created_at')
        .orderBy('id')
        .limit(pageSize(request) + 1);
      const rows = after
        ? query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '>', tuple(after.created_at, after.id)))
        : query;
      return toPage(await rows.execute(), request);
    },

    /** Who waits for approval, longest first. */
    pending: (limit: number): Promise<UserEntry[]> =>
      selectUsers(kysely).where('is_pending', '=', true).orderBy('created_at').orderBy('id').limit(limit).execute(),

    /** Active people by name, at most 1000, for providers that let one choose. */
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

    /** Reads a user and keeps everyone else from changing it until the transaction ends. */
    lock: (trx: Kysely<Schema>, id: string): Promise<User | undefined> =>
      trx.selectFrom('users').selectAll().where('id', '=', id).forUpdate().executeTakeFirst(),

    /** Makes a user with its groups; `unmade` when it would be the second owner. After `unknown_group` roll back: the user is made without it. */
    async create(trx: Kysely<Schema>, user: User, group_ids: readonly string[]): Promise<'made' | 'unmade' | 'unknown_group'> {
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

    /** How many wait for approval; nobody else counts until the transaction ends, so a cap holds under parallel logins. */
    async countPending(trx: Kysely<Schema>): Promise<number> {
      await sql`select pg_advisory_xact_lock(${sql.lit(PENDING_LOCK_KEY)})`.execute(trx);
      const { count } = await trx
        .selectFrom('users')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('is_pending', '=', true)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Changes what is given. Never a machine, and never the owner's being active. */
    async update(trx: Kysely<Schema>, id: string, change: UserChange): Promise<boolean> {
      const updated = await trx
        .updateTable('users')
        .set(({ ref }) => ({ id: ref('id'), ...change }))
        .where('id', '=', id)
        .where('system_generated', '=', false)
        .where(({ or, eb }) => or([eb('is_owner', '=', false), eb.val(change.is_active ?? true)]))
        .returning('id')
        .executeTakeFirst();
      return updated !== undefined;
    },

    /** Makes someone the owner in place of the one there is. `from`: only if that user is the owner. The target must be an active person. */
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

    /** Everything of theirs goes too, passwords included. Never the owner or a machine. */
    async remove(trx: Kysely<Schema>, id: string): Promise<boolean> {
      const gone = await trx
        .with('gone', (query) =>
          query
            .deleteFrom('users')
            .where('id', '=', id)
            .where('is_owner', '=', false)
            .where('system_generated', '=', false)
            .returning('id'),
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

/** Any number will do, as long as it stays. */
const PENDING_LOCK_KEY = 4_207_849_311;

const isLocal = sql<SqlBool>`auth_provider_type = ${sql.lit(LOCAL_PROVIDER.auth_provider_type)} and auth_provider_id is null`;

const groupIds = sql<string[]>`array(select group_id from user_groups where user_id = users.id order by group_id)`.as('group_ids');

function selectUsers(kysely: Kysely<Schema>) {
  return kysely
    .selectFrom('users')
    .selectAll('users')
    .select(({ selectFrom }) => {
      const credentials = selectFrom('credentials').whereRef('user_id', '=', 'users.id');
      return [
        groupIds,
        credentials.select('subject').where(isLocal).as('username'),
        jsonArrayFrom(
          credentials.select(['auth_provider_type as type', 'auth_provider_id as id']).orderBy('created_at').orderBy('credentials.id'),
        ).as('credentials'),
      ];
    });
}

function isOneOf(group_ids: readonly string[]) {
  return sql<SqlBool>`groups.id = any(${group_ids})`;
}
