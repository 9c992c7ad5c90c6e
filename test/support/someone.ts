// People beside the owner on a running server: they log in at the example provider.
import type { User } from '../../src/domain/user.ts';
import { addUser } from './login.ts';
import { CLIENT_ID, REDIRECT_URI, type TestServer } from './server.ts';

export const PASSWORD = 'test-pass';

/** The provider's block of the configuration, with these people in it. */
export function example(...usernames: string[]) {
  return { type: 'insecure_example', users: usernames.map((username) => ({ username, password: PASSWORD })) };
}

/** Makes a user with a login and tokens of their own; `username` must be one of the provider's. */
export async function addSomeone(
  server: TestServer,
  username: string,
  { group_ids = [], ...user }: Partial<User> & { group_ids?: string[] } = {},
) {
  const { database } = server.container;
  const { user_id } = await addUser(database, username, user);
  for (const group_id of group_ids) await database.kysely.insertInto('user_groups').values({ user_id, group_id }).execute();
  return { user_id, ...(await logInAs(server, username)) };
}

/** Tokens of somebody at the example provider. */
export async function logInAs(server: TestServer, username: string) {
  const how = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['insecure_example', null] as [string, null] };
  return await server.redeem(await server.login({ username, password: PASSWORD }, how));
}
