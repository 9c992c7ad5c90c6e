// Finds a user by id, username, or a name that only one user has.
import { pythonStrip } from '../domain/text.ts';
import type { UserListEntry } from '../repository/users.ts';
import type { CliContainer } from './container.ts';
import { commandError } from './exit.ts';
import { fetchAllPages } from './table.ts';

/** Throws for no match and for several: a guess could delete the wrong user. */
export async function findUser({ users }: Pick<CliContainer, 'users'>, word: string): Promise<UserListEntry> {
  const name = pythonStrip(word);
  const matches = (await fetchAllPages(users.list)).filter((user) => user.id === word || user.username === name || user.name === name);
  const [match, another] = matches;
  if (!match) throw commandError(`There is no user with the id, username or name "${word}"`);
  if (another) throw commandError(`"${word}" is several users; name one by its id: ${matches.map(({ id }) => id).join(', ')}`);
  return match;
}

/** A user's label: `Paula (paula, 4f3a…)`. */
export function userLabel({ id, name, username }: Pick<UserListEntry, 'id' | 'name' | 'username'>): string {
  return `${name ?? 'User'} (${[username, id].filter((text) => text !== null).join(', ')})`;
}
