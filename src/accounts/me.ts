// The caller's own account (HA contract 11.3, auth/current_user) and profile changes.
import { AuthError } from '../domain/errors.ts';
import type { ProfilePatch } from '../domain/profile.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { UserRepository as UserRows } from '../repository/users.ts';
import type { Caller } from '../tokens/bearer.ts';
import type { Actor } from './actor.ts';
import type { Mfa } from './mfa.ts';
import type { Users } from './users.ts';

export interface MeDeps {
  credentials: Pick<CredentialRepository, 'ofUser'>;
  users: Pick<UserRows, 'find'>;
  update: Users['update'];
  mfa: Pick<Mfa, 'list'>;
}

export type Me = ReturnType<typeof createMe>;

export function createMe({ credentials, users, update, mfa }: MeDeps) {
  async function get({ user: { id, is_owner }, is_admin }: Pick<Caller, 'user' | 'is_admin'>) {
    const [user, linked, { modules }] = await Promise.all([users.find(id), credentials.ofUser(id), mfa.list(id)]);
    if (!user) throw new AuthError('not_found', 'User not found');
    const { name, username, email, email_verified, picture, locale, zoneinfo } = user;
    return {
      id,
      name,
      is_owner,
      is_admin,
      credentials: linked.map(({ auth_provider_type, auth_provider_id }) => ({ auth_provider_type, auth_provider_id })),
      mfa_modules: modules.map((module) => ({ id: module.id, name: module.name, enabled: module.enabled })),
      ...{ username, email, email_verified, picture, locale, zoneinfo },
    };
  }

  return {
    get,

    /**
     * Changes the caller's name and profile. Changing the e-mail address requires a fresh login.
     */
    async update(caller: Caller, patch: ProfilePatch & { name?: string | undefined }, actor: Actor) {
      await update(caller.user.id, patch, actor);
      return await get(caller);
    },
  };
}
