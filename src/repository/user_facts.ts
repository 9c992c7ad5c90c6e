// What may be told to a client about a person: for ID tokens, userinfo and introspection. A name, an address and groups, from one statement.
import { type RawBuilder, sql } from 'kysely';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import type { Database } from './database.ts';

export interface UserFacts {
  user_id: string;
  name: string | null;
  /** Of the local login, else what another provider calls them. */
  username: string | null;
  /** As a provider vouched for it at the last login. */
  email: string | null;
  group_ids: string[];
  created_at: Date;
}

export type UserFactsRows = ReturnType<typeof createUserFacts>;

export function createUserFacts(database: Database) {
  const find = database.prepareTogether<{ user_id: string }, UserFacts>('user_facts_find', (kysely, p) =>
    kysely
      .selectFrom('users as u')
      .select(['u.id as user_id', 'u.name', 'u.created_at', username().as('username'), email().as('email'), groupIds().as('group_ids')])
      .where('u.id', '=', p.user_id),
  );
  return { find: async (user_id: string): Promise<UserFacts | undefined> => (await find({ user_id }))[0] };
}

/** For the rows of a table called `u`. */
export function username(): RawBuilder<string | null> {
  return sql<string | null>`(select coalesce(
      min(c.subject) filter (where c.auth_provider_type = ${sql.lit(LOCAL_PROVIDER.auth_provider_type)} and c.auth_provider_id is null),
      min(c.data ->> 'username'))
    from credentials c where c.user_id = u.id)`;
}

/** Of the oldest login that has one. For the rows of a table called `u`. */
export function email(): RawBuilder<string | null> {
  return sql<string | null>`(select c.data ->> 'email' from credentials c
    where c.user_id = u.id and c.data ->> 'email' is not null order by c.created_at, c.id limit 1)`;
}

/** Without groups that left the configuration. For the rows of a table called `u`. */
export function groupIds(): RawBuilder<string[]> {
  return sql<string[]>`array(select g.id from user_groups ug join groups g on g.id = ug.group_id
    where ug.user_id = u.id and g.is_enabled order by g.id)`;
}
