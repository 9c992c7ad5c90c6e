// Which of the scopes an app asks for are promised on the page that asks the person: one that has nothing to give for them is not.
import type { UserFacts } from '../../../repository/user_facts.ts';

/** Looks the person up only where it matters. */
export async function grantableScopes(
  scope: readonly string[],
  user_id: string,
  find: (user_id: string) => Promise<Pick<UserFacts, 'email' | 'group_ids'> | undefined>,
): Promise<string[]> {
  if (!scope.some((name) => name === 'email' || name === 'groups')) return [...scope];
  const facts = await find(user_id);
  return scope.filter((name) => (name === 'email' ? facts?.email : name === 'groups' ? facts?.group_ids.length : true));
}
