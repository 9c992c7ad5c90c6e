// What an import compares with the database, and the rows that only an import writes.
import { type Insertable, type Kysely, sql } from 'kysely';
import type { ImportedGroup } from '../domain/import_source.ts';
import type { Policy } from '../domain/policy.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/** A name, login or identity that is taken here. */
export interface Holder {
  key: string;
  user_id: string;
  name: string | null;
}

export interface ImportFacts {
  owner_exists: boolean;
  /** Which of the users are here. */
  user_ids: string[];
  usernames: Holder[];
  /** Former usernames, with their last users. */
  retired: { key: string; user_id: string }[];
  /** By `identityKey`. */
  identities: Holder[];
  groups: { id: string; policy: Policy; is_enabled: boolean }[];
}

/** What an import asks about; usernames are normalized. */
export interface ImportQuestions {
  user_ids: readonly string[];
  usernames: readonly string[];
  identities: readonly { auth_provider_type: string; auth_provider_id: string | null; subject: string }[];
  group_ids: readonly string[];
}

/** Rows in one statement, well below PostgreSQL's limit of parameters. */
const BATCH = 500;

export type ImportRepository = ReturnType<typeof createImportRepository>;

/** The key of an identity among `ImportFacts`. */
export function identityKey(identity: ImportQuestions['identities'][number]): string {
  return JSON.stringify([identity.auth_provider_type, identity.auth_provider_id ?? '', identity.subject]);
}

export function createImportRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /** Reads what decides who can come over. It may change before the import writes. */
    async facts({ user_ids, usernames, identities, group_ids }: ImportQuestions): Promise<ImportFacts> {
      const owner = await sql<{ exists: boolean }>`select exists (select from users where is_owner) as exists`.execute(kysely);
      const users = await sql<{ id: string }>`select id from users where id = any(${user_ids})`.execute(kysely);
      const taken = await sql<Holder>`
        select normalize(username, NFC) as key, id as user_id, name from users where normalize(username, NFC) = any(${usernames})
        union
        select normalize(l.username, NFC), coalesce(u.id, ''), u.name from local_logins l
          left join credentials c on c.auth_provider_type = 'homeassistant' and c.auth_provider_id is null and c.subject = l.username
          left join users u on u.id = c.user_id
          where normalize(l.username, NFC) = any(${usernames})`.execute(kysely);
      const retired = await sql<{ key: string; user_id: string }>`
        select normalize(username, NFC) as key, user_id from retired_usernames
        where normalize(username, NFC) = any(${usernames})`.execute(kysely);
      const types = identities.map(({ auth_provider_type }) => auth_provider_type);
      const ids = identities.map(({ auth_provider_id }) => auth_provider_id ?? '');
      const subjects = identities.map(({ subject }) => subject);
      const found = await sql<{ auth_provider_type: string; auth_provider_id: string | null; subject: string } & Omit<Holder, 'key'>>`
        select c.auth_provider_type, c.auth_provider_id, c.subject, u.id as user_id, u.name from credentials c join users u on u.id = c.user_id
        where (c.auth_provider_type, coalesce(c.auth_provider_id, ''), c.subject)
          in (select * from unnest(${types}::text[], ${ids}::text[], ${subjects}::text[]))`.execute(kysely);
      const groups = await sql<ImportFacts['groups'][number]>`
        select id, policy, is_enabled from groups where id = any(${group_ids})`.execute(kysely);
      return {
        owner_exists: owner.rows[0]?.exists ?? false,
        user_ids: users.rows.map(({ id }) => id),
        usernames: taken.rows,
        retired: retired.rows,
        identities: found.rows.map((row) => ({ key: identityKey(row), user_id: row.user_id, name: row.name })),
        groups: groups.rows,
      };
    },

    /** Adds a group that does not exist; false if it does. */
    async addGroup(trx: Kysely<Schema>, { id, name, policy }: ImportedGroup, now: Date): Promise<boolean> {
      const added = await trx
        .insertInto('groups')
        .values({ id, name, policy: JSON.stringify(policy), managed_by: 'database', created_at: now })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .returning('id')
        .executeTakeFirst();
      return added !== undefined;
    },

    /** Adds grants of a new user, in batches; those whose id or token is known stay as they are. */
    async addGrants(trx: Kysely<Schema>, grants: readonly Insertable<Schema['refresh_tokens']>[]): Promise<void> {
      for (let start = 0; start < grants.length; start += BATCH)
        await trx
          .insertInto('refresh_tokens')
          .values(grants.slice(start, start + BATCH))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
    },
  };
}
