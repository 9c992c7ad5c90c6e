// Usernames: one column for everybody, and retired names. A person's local login is renamed in the
// same statement.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import type { Schema } from '../postgres/schema.ts';

/** `taken`: in use. `retired`: formerly used by another person. */
export type RenameResult = 'renamed' | 'taken' | 'retired' | 'unknown_user';

/** The unique indexes that parallel calls can violate. */
export const USERNAME_INDEXES = ['users_username', 'local_logins_pkey', 'credentials_one_user_per_identity'];

export type Usernames = ReturnType<typeof createUsernames>;

export function createUsernames() {
  return {
    /**
     * Sets a person's username and that of their local login, and retires the former one.
     * `reuse_retired` also takes another person's former name. Compared in Unicode form NFC. May
     * violate `USERNAME_INDEXES`.
     */
    async rename(
      trx: Kysely<Schema>,
      { user_id, to, now, reuse_retired }: { user_id: string; to: string; now: Date; reuse_retired: boolean },
    ): Promise<RenameResult> {
      const { rows } = await sql<{ found: boolean; renamed: boolean; taken: boolean }>`
        with person as (
          select u.id, ${usernameColumn('u')} as username from users u where u.id = ${user_id} and not u.system_generated for update
        ),
        own_login as (
          select c.id, c.subject from credentials c where c.user_id = ${user_id} and ${isLocal('c')}
        ),
        taken as (
          select 1 from users where ${isSame('username', to)} and id <> ${user_id}
          union all
          select 1 from local_logins where ${isSame('username', to)} and username not in (select subject from own_login)
        ),
        allowed as (
          select id, username from person
          where not exists (select from taken)
            and (${reuse_retired} or not exists (select from retired_usernames where ${isSame('username', to)} and user_id <> ${user_id}))
        ),
        login as (
          update local_logins l set username = ${to}, changed_at = ${now}
          from own_login o where l.username = o.subject and o.subject <> ${to} and exists (select from allowed)
        ),
        linked as (
          update credentials c set subject = ${to}, data = jsonb_set(c.data, '{username}', to_jsonb(${to}::text))
          from own_login o where c.id = o.id and o.subject <> ${to} and exists (select from allowed)
        ),
        retired as (
          insert into retired_usernames (username, user_id, retired_at)
          select username, id, ${now} from allowed where username <> ${to}
          on conflict (username) do update set user_id = excluded.user_id, retired_at = excluded.retired_at
        ),
        returned as (
          delete from retired_usernames
          where ${isSame('username', to)} and exists (
            -- Not the name that is retired by this very statement.
            select from allowed a where a.username = ${to} or a.username is distinct from retired_usernames.username
          )
        ),
        renamed as (
          update users u set username = ${to} from allowed a where u.id = a.id returning u.id
        )
        select exists (select from person) as found, exists (select from renamed) as renamed, exists (select from taken) as taken`.execute(
        trx,
      );
      const [outcome] = rows;
      if (!outcome?.found) return 'unknown_user';
      if (outcome.renamed) return 'renamed';
      return outcome.taken ? 'taken' : 'retired';
    },

    /**
     * Gives an active person without a username the first candidate that was never used. Parallel
     * calls wait for each other. Null if there is none, or the person has a name.
     */
    async assign(trx: Kysely<Schema>, { user_id, candidates }: { user_id: string; candidates: readonly string[] }): Promise<string | null> {
      await sql`select pg_advisory_xact_lock(${sql.lit(ASSIGNMENT_LOCK_KEY)})`.execute(trx);
      const { rows } = await sql<{ username: string }>`
        update users u set username = free.candidate
        from (
          select t.candidate from unnest(${candidates}::text[]) with ordinality as t (candidate, n)
          where not exists (select from users o where ${isSame('o.username', sql.ref('t.candidate'))})
            and not exists (
              select from local_logins l left join credentials c on ${isLocal('c')} and c.subject = l.username
              where ${isSame('l.username', sql.ref('t.candidate'))} and c.user_id is distinct from ${user_id}
            )
            and not exists (select from retired_usernames r where ${isSame('r.username', sql.ref('t.candidate'))} and r.user_id <> ${user_id})
          order by t.n limit 1
        ) free
        where u.id = ${user_id} and u.username is null and u.is_active and not u.system_generated
        returning u.username`.execute(trx);
      return rows[0]?.username ?? null;
    },
  };
}

/** Arbitrary but fixed. */
const ASSIGNMENT_LOCK_KEY = 4_207_849_312;

/**
 * The column, or for rows written by the previous version the local login's name, by a subquery.
 * For the rows of a table with that alias.
 */
export function usernameColumn(alias: 'u' | 'users'): RawBuilder<string | null> {
  const user = sql.table(alias);
  return sql<
    string | null
  >`coalesce(${user}.username, (select l.subject from credentials l where l.user_id = ${user}.id and ${isLocal('l')}))`;
}

/** Whether two names are canonically equivalent (Unicode UAX #15), and so indistinguishable. */
function isSame(column: string, name: string | RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`normalize(${sql.ref(column)}, NFC) = normalize(${name}::text, NFC)`;
}

/** For the rows of `credentials` with that alias. */
function isLocal(alias: string): RawBuilder<boolean> {
  const { auth_provider_type } = LOCAL_PROVIDER;
  return sql<boolean>`${sql.table(alias)}.auth_provider_type = ${sql.lit(auth_provider_type)} and ${sql.table(alias)}.auth_provider_id is null`;
}
