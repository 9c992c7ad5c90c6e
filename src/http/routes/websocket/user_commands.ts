// config/auth/… and config/auth_provider/homeassistant/…: people and their local logins, for
// administrators (HA contract 11.3). The rules are those of /api/users.
import { z } from 'zod';
import type { Credentials } from '../../../accounts/credentials.ts';
import type { LocalLogins } from '../../../accounts/local_logins.ts';
import type { Users } from '../../../accounts/users.ts';
import { providerKeyText } from '../../../domain/auth_provider.ts';
import { AuthError } from '../../../domain/errors.ts';
import { LOCAL_PROVIDER } from '../../../domain/local_provider.ts';
import { normaliseUsername } from '../../../domain/user.ts';
import type { Throttle } from '../../../login/throttle.ts';
import { allPages } from './all_pages.ts';
import { type Command, type CommandError, command, text, translatedError } from './command.ts';

export interface UserCommandDeps {
  users: Users;
  localLogins: LocalLogins;
  credentials: Pick<Credentials, 'findIdentity'>;
  throttle: Pick<Throttle, 'attempt'>;
}

const LOCAL_KEY = providerKeyText(LOCAL_PROVIDER);
const PROVIDER = 'config/auth_provider/homeassistant';
const group_ids = z.array(z.string().max(64)).max(100);

export function userCommands({ users, localLogins, credentials, throttle }: UserCommandDeps): Command[] {
  return [
    command({
      type: 'config/auth/list',
      who: 'admin',
      handle: async () => (await allPages(users.list)).map(wireUser),
    }),
    command({
      type: 'config/auth/create',
      who: 'admin',
      fields: z.strictObject({ name: text, group_ids: group_ids.optional(), local_only: z.boolean().optional() }),
      handle: async ({ actor, fields }) => ({ user: wireUser(await users.create(fields, actor)) }),
    }),
    command({
      type: 'config/auth/update',
      who: 'admin',
      fields: z.strictObject({
        user_id: text,
        ...z.object({ name: text, is_active: z.boolean(), group_ids, local_only: z.boolean() }).partial().shape,
      }),
      handle: async ({ actor, fields: { user_id, ...patch } }) => ({ user: wireUser(await users.update(user_id, patch, actor)) }),
    }),
    command({
      type: 'config/auth/delete',
      who: 'admin',
      fields: z.strictObject({ user_id: text }),
      handle: async ({ actor, fields }) => nothing(users.delete(fields.user_id, actor)),
    }),
    command({
      type: `${PROVIDER}/create`,
      who: 'admin',
      fields: z.strictObject({ user_id: text, username: text, password: text }),
      handle: async ({ actor, fields: { user_id, ...login } }) => nothing(localLogins.add(user_id, login, actor)),
    }),
    command({
      type: `${PROVIDER}/delete`,
      who: 'admin',
      fields: z.strictObject({ username: text }),
      async handle({ actor, fields }) {
        const login = await credentials.findIdentity(LOCAL_PROVIDER, normaliseUsername(fields.username));
        if (!login) throw new AuthError('credentials_not_found', 'User not found');
        return await nothing(localLogins.remove(login.user_id, actor));
      },
      errorOf: ({ code }) => (code === 'credentials_not_found' ? translatedError('user_not_found', 'User not found') : undefined),
    }),
    command({
      type: `${PROVIDER}/change_password`,
      who: 'anyone',
      fields: z.strictObject({ current_password: text, new_password: text }),
      handle: async ({ caller, actor, fields }) =>
        nothing(
          // Guesses here count like those of the local login.
          localLogins.changeOwnPassword(caller.user.id, fields, actor, (username, guess) =>
            throttle.attempt(actor.remote_address ?? '', `${LOCAL_KEY}:${username}`, guess, { queue: LOCAL_KEY }),
          ),
        ),
    }),
    command({
      type: `${PROVIDER}/admin_change_password`,
      who: 'owner',
      fields: z.strictObject({ user_id: text, password: text }),
      handle: async ({ actor, fields: { user_id, password } }) => nothing(localLogins.setPassword(user_id, { password }, actor)),
      errorOf: noSuchUser,
    }),
    command({
      type: `${PROVIDER}/admin_change_username`,
      who: 'owner',
      fields: z.strictObject({ user_id: text, username: text }),
      handle: async ({ actor, fields: { user_id, username } }) => nothing(localLogins.setUsername(user_id, username, actor)),
      errorOf: noSuchUser,
    }),
  ];
}

function noSuchUser({ code, description }: AuthError): CommandError | undefined {
  return code === 'not_found' ? { code: 'user_not_found', message: description } : undefined;
}

/** Home Assistant's result of a command that returns nothing. */
async function nothing(work: Promise<unknown>): Promise<null> {
  await work;
  return null;
}

type ListedUser = Awaited<ReturnType<Users['get']>>;

function wireUser({ id, username, name, is_owner, is_active, local_only, system_generated, group_ids, credentials }: ListedUser) {
  const facts = { id, username, name, is_owner, is_active, local_only, system_generated, group_ids };
  return { ...facts, credentials: credentials.map(({ type }) => ({ type })) };
}
