// The tables `groups` and `user_groups`. Built-in groups and those of the configuration are written
// at start only.
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { Policy } from '../domain/policy.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/** A group in listings. */
export interface Group {
  id: string;
  name: string;
  policy: Policy;
  system_generated: boolean;
  managed_by: 'system' | 'config' | 'database';
  /** Whether members need a second factor. */
  require_mfa?: boolean;
}

/** A user's data for permission checks, read in one statement. */
export interface UserPolicies {
  is_owner: boolean;
  is_active: boolean;
  /** The policies of enabled groups. */
  policies: Policy[];
}

export type GroupRepository = ReturnType<typeof createGroupRepository>;

export function createGroupRepository({ kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>) {
  const rights = prepare<{ user_id: string }, UserPolicies>('groups_rights', (kysely, { user_id }) =>
    kysely
      .selectFrom('users')
      .select(['is_owner', 'is_active'])
      .select(
        sql<Policy[]>`coalesce((select json_agg(policy) from user_groups join groups on groups.id = group_id
          where user_id = users.id and is_enabled), '[]')`.as('policies'),
      )
      .where('users.id', '=', user_id),
  );

  return {
    /** Enabled groups: built-in ones first, then by name. */
    list: (): Promise<Group[]> =>
      kysely
        .selectFrom('groups')
        .select(['id', 'name', sql<Policy>`policy`.as('policy'), 'system_generated', 'managed_by'])
        .where('is_enabled', '=', true)
        .orderBy(sql`array_position(array['system-admin', 'system-users', 'system-read-only'], id)`)
        .orderBy('name')
        .orderBy('id')
        .limit(1000)
        .execute(),

    rights: async (user_id: string): Promise<UserPolicies | undefined> => (await rights({ user_id }))[0],

    /** Replaces a user's groups; false, without effect, if one is unknown. Lock the user first. */
    async replaceMemberships(trx: Kysely<Schema>, user_id: string, group_ids: readonly string[]): Promise<boolean> {
      const areKnown = sql<SqlBool>`(select count(*) from groups where id = any(${group_ids})) = ${group_ids.length}`;
      const { known } = await trx
        .with('left', (query) =>
          query.deleteFrom('user_groups').where('user_id', '=', user_id).where(sql<SqlBool>`group_id <> all(${group_ids})`).where(areKnown),
        )
        .with('joined', (query) =>
          query
            .insertInto('user_groups')
            .columns(['user_id', 'group_id'])
            .expression(
              query
                .selectFrom('groups')
                .select([sql<string>`${user_id}`.as('user_id'), 'id'])
                .where(sql<SqlBool>`id = any(${group_ids})`)
                .where(areKnown),
            )
            .onConflict((conflict) => conflict.doNothing()),
        )
        .selectNoFrom(areKnown.as('known'))
        .executeTakeFirstOrThrow();
      return Boolean(known);
    },

    /**
     * Creates or updates groups; returns the ids that changed. Groups made by the API are not taken
     * over.
     */
    async put(trx: Kysely<Schema>, groups: readonly Group[], now: Date): Promise<string[]> {
      const rows = groups.map(({ require_mfa = false, ...group }) => ({
        ...group,
        require_mfa,
        policy: JSON.stringify(group.policy),
        is_enabled: true,
        created_at: now,
      }));
      const written = await trx
        .insertInto('groups')
        .values(rows)
        .onConflict((conflict) =>
          conflict
            .column('id')
            .doUpdateSet(({ ref }) => ({
              name: ref('excluded.name'),
              policy: ref('excluded.policy'),
              managed_by: ref('excluded.managed_by'),
              require_mfa: ref('excluded.require_mfa'),
              is_enabled: true,
            }))
            .where(sql<SqlBool>`groups.managed_by <> 'database' and (groups.name, groups.policy, groups.managed_by, groups.require_mfa, groups.is_enabled)
              is distinct from (excluded.name, excluded.policy, excluded.managed_by, excluded.require_mfa, true)`),
        )
        .returning('id')
        .execute();
      return written.map(({ id }) => id);
    },

    /** Disables groups removed from the configuration; members stay. */
    async disableOthers(trx: Kysely<Schema>, group_ids: readonly string[]): Promise<string[]> {
      const disabled = await trx
        .updateTable('groups')
        .set({ is_enabled: false })
        .where('managed_by', '=', 'config')
        .where('is_enabled', '=', true)
        .where(sql<SqlBool>`id <> all(${group_ids})`)
        .returning('id')
        .execute();
      return disabled.map(({ id }) => id);
    },

    /**
     * Synchronizes the managed groups of a person; other memberships stay. Never a machine's or the
     * owner's. Returns the changes.
     */
    async syncGroups(trx: Kysely<Schema>, user_id: string, { managed, wanted }: { managed: readonly string[]; wanted: readonly string[] }) {
      return await trx
        .with('person', (query) =>
          query
            .selectFrom('users')
            .select('id')
            .where('id', '=', user_id)
            .where('system_generated', '=', false)
            .where('is_owner', '=', false)
            .forNoKeyUpdate(),
        )
        .with('gone', (query) =>
          query
            .deleteFrom('user_groups')
            .where('user_id', 'in', (person) => person.selectFrom('person').select('id'))
            .where(sql<SqlBool>`group_id = any(${managed}) and group_id <> all(${wanted})`)
            .returning('group_id'),
        )
        .with('come', (query) =>
          query
            .insertInto('user_groups')
            .columns(['user_id', 'group_id'])
            .expression(
              query
                .selectFrom(['person', 'groups'])
                .select(['person.id', 'groups.id'])
                .where(sql<SqlBool>`groups.id = any(${managed}) and groups.id = any(${wanted})`),
            )
            .onConflict((conflict) => conflict.doNothing())
            .returning('group_id'),
        )
        .selectNoFrom([
          sql<string[]>`array(select group_id from come order by 1)`.as('joined'),
          sql<string[]>`array(select group_id from gone order by 1)`.as('left'),
        ])
        .executeTakeFirstOrThrow();
    },
  };
}
