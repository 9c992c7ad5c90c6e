// The local provider: usernames and passwords stored by this server. Its type is the name that Home
// Assistant's front-end expects.
import { z } from 'zod';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type ProviderDeps,
  type ProviderStep,
} from '../domain/auth_provider.ts';
import { AuthError } from '../domain/errors.ts';
import type { FormField } from '../domain/form.ts';
import { passwordVariants } from '../domain/text.ts';
import { normaliseUsername } from '../domain/user.ts';

const FORM: FormField[] = [
  { type: 'string', name: 'username', required: true },
  { type: 'string', name: 'password', required: true },
];

const config = z.object({
  /** Minimum length of new passwords. */
  minimum_password_length: z.int().min(1).max(128).default(8),
});

export const provider: AuthProviderType<CommonProviderConfig & z.infer<typeof config>> = {
  type: 'homeassistant',
  default_name: 'Home Assistant Local',
  config,
  create(block, deps) {
    return {
      ...configuredProvider(block, provider.default_name),
      support_mfa: true,
      refusal: () => null,
      async step({ values, context }) {
        if (!values) return form({});
        const { username: typed = '', password = '' } = values;
        const names = passwordVariants(typed).map(normaliseUsername);
        const found: { username: string | null } = { username: null };
        // Every spelling of a name counts as one.
        const guessed = normaliseUsername(typed.normalize('NFC'));
        await context.attempt(guessed, async () => {
          found.username = await verify(deps, names, passwordVariants(password));
          return found.username !== null;
        });
        const { username } = found;
        if (username === null) return form({ base: 'invalid_auth' });
        return { type: 'identity', identity: { subject: username, data: { username }, name: username, amr: ['pwd'] } };
      },
    };
  },
};

function form(errors: { base?: 'invalid_auth' }): ProviderStep {
  return { type: 'form', step_id: 'init', data_schema: FORM, errors };
}

/**
 * The login that one of the password's variants opens; null if none does. Both cases take the same
 * time.
 */
async function verify(deps: ProviderDeps, names: readonly string[], passwords: readonly string[]): Promise<string | null> {
  const login = await firstLogin(deps, names);
  for (const password of passwords) {
    if (!login) {
      await deps.hasher.verifyNothing(password);
      continue;
    }
    const { ok, outdated } = await deps.hasher.verify(password, login.password_hash);
    if (ok && outdated) await rehash(deps, login, password);
    if (ok) return login.username;
  }
  return null;
}

async function firstLogin({ localLogins }: ProviderDeps, names: readonly string[]) {
  for (const name of names) {
    const login = await localLogins.find(name);
    if (login) return login;
  }
  return undefined;
}

async function rehash({ clock, hasher, localLogins }: ProviderDeps, login: { username: string; password_hash: string }, password: string) {
  try {
    const new_hash = await hasher.hash(password);
    await localLogins.rehash({ username: login.username, old_hash: login.password_hash, new_hash, now: clock() });
  } catch (error) {
    // Too busy to rehash: the login succeeds, and the next one tries again.
    if (!(error instanceof AuthError && error.code === 'unavailable')) throw error;
  }
}
