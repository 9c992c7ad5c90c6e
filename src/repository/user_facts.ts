// Claims about a person for ID tokens, userinfo and introspection: profile and groups in one
// statement.
import { type RawBuilder, sql } from 'kysely';
import type { PersonProfile } from '../domain/profile.ts';
import type { Database } from '../postgres/database.ts';
import { usernameColumn } from './usernames.ts';

export interface UserFacts extends PersonProfile {
  user_id: string;
  name: string | null;
  group_ids: string[];
  created_at: Date;
}

export type UserFactsRepository = ReturnType<typeof createUserFactsRepository>;

/** Profile columns used as claims. For the rows of a table named `u`. */
export const PROFILE_COLUMNS = ['u.email', 'u.email_verified', 'u.picture', 'u.locale', 'u.zoneinfo'] as const;

export function createUserFactsRepository(database: Database) {
  const find = database.prepareBatched<{ user_id: string }, UserFacts>('user_facts_find', (kysely, p) =>
    kysely
      .selectFrom('users as u')
      .select(['u.id as user_id', 'u.name', 'u.created_at', ...PROFILE_COLUMNS])
      .select([usernameColumn('u').as('username'), groupIdsColumn().as('group_ids')])
      .where('u.id', '=', p.user_id),
  );
  return { find: async (user_id: string): Promise<UserFacts | undefined> => (await find({ user_id }))[0] };
}

/** Without groups removed from the configuration. For the rows of a table named `u`. */
export function groupIdsColumn(): RawBuilder<string[]> {
  return sql<string[]>`array(select g.id from user_groups ug join groups g on g.id = ug.group_id
    where ug.user_id = u.id and g.is_enabled order by g.id)`;
}
