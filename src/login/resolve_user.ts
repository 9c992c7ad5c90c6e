// Resolves an identity to a user. Finding changes nothing; a first login is written only once every
// check has passed.
import type { Profiles } from '../accounts/profiles.ts';
import type { AuthProvider, Identity } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { loginBlocked } from '../domain/login_block.ts';
import { randomId } from '../domain/secret.ts';
import type { User } from '../domain/user.ts';
import type { Credential } from '../repository/credentials.ts';
import type { UserListEntry } from '../repository/users.ts';
import type { SyncGroups } from './sync_groups.ts';

/** An identity's user, with what decides whether they may log in. */
export interface ResolvedUser {
  user: Pick<User, 'id' | 'is_active' | 'local_only'>;
  /** Null if the provider picked one of our users and no credential links them yet. */
  credential_id: string | null;
}

export type LinkedUser = ResolvedUser & { credential_id: string };

export interface ResolveDeps {
  credentials: {
    findIdentity(provider: AuthProvider, subject: string): Promise<Credential | undefined>;
    /** False if the user has a login at this provider, or the identity belongs to another user. */
    link(credential: Credential): Promise<boolean>;
    keepEmail(known: { id: string; email: string | null }): Promise<void>;
  };
  users: { find(id: string): Promise<UserListEntry | undefined> };
  newUsers: {
    /**
     * Creates a user by the provider's `new_users` setting; throws `login_blocked` if it refuses.
     */
    admit(provider: AuthProvider, identity: Identity, remote_address: string): Promise<LinkedUser>;
  };
  syncGroups: SyncGroups;
  profiles: Pick<Profiles, 'follow'>;
  clock: Clock;
}

export type ResolveUser = ReturnType<typeof createResolveUser>;

export function createResolveUser({ credentials, users, newUsers, syncGroups, profiles, clock }: ResolveDeps) {
  /** By the subject as reported, or else in its stored form. */
  async function credentialOf(provider: AuthProvider, { typed_subject, subject }: Identity): Promise<Credential | undefined> {
    const typed = typed_subject === undefined ? undefined : await credentials.findIdentity(provider, typed_subject);
    return typed ?? (await credentials.findIdentity(provider, subject));
  }

  async function find(provider: AuthProvider, identity: Identity): Promise<(ResolvedUser & { user: UserListEntry }) | null> {
    const credential = await credentialOf(provider, identity);
    const user_id = credential?.user_id ?? identity.user_id;
    const user = user_id === undefined ? undefined : await users.find(user_id);
    // A machine account never has a login.
    if (user?.system_generated) throw loginBlocked('inactive');
    return user ? { user, credential_id: credential?.id ?? null } : null;
  }

  async function link(provider: AuthProvider, identity: Identity, user: ResolvedUser['user']): Promise<LinkedUser> {
    const { auth_provider_type, auth_provider_id } = provider;
    const { subject, data } = identity;
    const id = randomId();
    await credentials.link({ id, user_id: user.id, auth_provider_type, auth_provider_id, subject, data, created_at: clock() });
    // Of two parallel first logins one created the credential, and both find it.
    const credential = await credentials.findIdentity(provider, subject);
    if (credential?.user_id !== user.id) throw loginBlocked('credential_linked');
    return { user, credential_id: credential.id };
  }

  async function settle(provider: AuthProvider, identity: Identity, remote_address: string): Promise<LinkedUser> {
    const found = await find(provider, identity);
    if (found) {
      const { user, credential_id } = found;
      const settled = credential_id === null ? await link(provider, identity, user) : { user, credential_id };
      await syncGroups(provider, identity, user.id, remote_address);
      await profiles.follow(provider, identity, found.user, settled.credential_id, remote_address);
      return settled;
    }
    // A provider that picks users creates none (HA contract 6.3); this user has been deleted.
    if (identity.user_id !== undefined) throw loginBlocked('inactive');
    return await newUsers.admit(provider, identity, remote_address);
  }

  return {
    /** The user of an identity; null if there is none. */
    find,

    /**
     * The same, and writes what the login changes: a first one's credential and user, or groups and
     * profile.
     */
    async settle(provider: AuthProvider, identity: Identity, remote_address: string): Promise<LinkedUser> {
      const settled = await settle(provider, identity, remote_address);
      // Most providers report no profile.
      if (identity.email !== undefined) await credentials.keepEmail({ id: settled.credential_id, email: identity.email });
      return settled;
    },
  };
}
