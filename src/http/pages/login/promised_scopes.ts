// Which requested scopes the consent page lists: those for which there is something to grant.
import type { UserFacts } from '../../../repository/user_facts.ts';

/** Reads the user only if necessary. */
export async function grantableScopes(
  scope: readonly string[],
  user_id: string,
  find: (user_id: string) => Promise<Pick<UserFacts, 'email' | 'group_ids'> | undefined>,
): Promise<string[]> {
  if (!scope.some((name) => name === 'email' || name === 'groups')) return [...scope];
  const facts = await find(user_id);
  return scope.filter((name) => (name === 'email' ? facts?.email : name === 'groups' ? facts?.group_ids.length : true));
}
