// From what a provider found out to the user it is. Looking changes nothing; a first login is settled only once nothing else can refuse it.
import type { Profiles } from '../accounts/profiles.ts';
import type { AuthProvider, Identity } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { randomId } from '../domain/secret.ts';
import type { User } from '../domain/user.ts';
import type { Credential } from '../repository/credentials.ts';
import type { UserListEntry } from '../repository/users.ts';
import type { SyncGroups } from './sync_groups.ts';

/** The user an identity belongs to, as far as it decides whether they may log in. */
export interface ResolvedUser {
  user: Pick<User, 'id' | 'is_active' | 'local_only'>;
  /** Null where the provider picked one of our users and no login of this provider is linked to them yet. */
  credential_id: string | null;
}

export type LinkedUser = ResolvedUser & { credential_id: string };

export interface ResolveDeps {
  credentials: {
    findIdentity(provider: AuthProvider, subject: string): Promise<Credential | undefined>;
    /** False when the user has one at this provider, or the identity belongs to somebody. */
    link(credential: Credential): Promise<boolean>;
    keepEmail(known: { id: string; email: string | null }): Promise<void>;
  };
  users: { find(id: string): Promise<UserListEntry | undefined> };
  newUsers: {
    /** Makes the user whom no credential knows, as `new_users` of the provider says; throws `login_blocked` when it says no. */
    admit(provider: AuthProvider, identity: Identity, remote_address: string): Promise<LinkedUser>;
  };
  syncGroups: SyncGroups;
  profiles: Pick<Profiles, 'follow'>;
  clock: Clock;
}

export type ResolveUser = ReturnType<typeof createResolveUser>;

export function createResolveUser({ credentials, users, newUsers, syncGroups, profiles, clock }: ResolveDeps) {
  /** Under the subject as it came, else in its stored form. */
  async function credentialOf(provider: AuthProvider, { typed_subject, subject }: Identity): Promise<Credential | undefined> {
    const typed = typed_subject === undefined ? undefined : await credentials.findIdentity(provider, typed_subject);
    return typed ?? (await credentials.findIdentity(provider, subject));
  }

  async function find(provider: AuthProvider, identity: Identity): Promise<(ResolvedUser & { user: UserListEntry }) | null> {
    const credential = await credentialOf(provider, identity);
    const user_id = credential?.user_id ?? identity.user_id;
    const user = user_id === undefined ? undefined : await users.find(user_id);
    // A machine account has no login, whatever the tables say.
    if (user?.system_generated) throw blockedError('User is not active');
    return user ? { user, credential_id: credential?.id ?? null } : null;
  }

  async function link(provider: AuthProvider, identity: Identity, user: ResolvedUser['user']): Promise<LinkedUser> {
    const { auth_provider_type, auth_provider_id } = provider;
    const { subject, data } = identity;
    const id = randomId();
    await credentials.link({ id, user_id: user.id, auth_provider_type, auth_provider_id, subject, data, created_at: clock() });
    // Of two parallel first logins one made the credential, and both find it.
    const credential = await credentials.findIdentity(provider, subject);
    if (credential?.user_id !== user.id) throw blockedError('Credential already linked');
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
    // A provider that picks among our users makes none (HA contract 6.3): this one is gone meanwhile.
    if (identity.user_id !== undefined) throw blockedError('User is not active');
    return await newUsers.admit(provider, identity, remote_address);
  }

  return {
    /** The user behind an identity; null when nobody is. */
    find,

    /** The same, with what a login has to write: the credential and the user of a first one, the groups and the profile of any other. */
    async settle(provider: AuthProvider, identity: Identity, remote_address: string): Promise<LinkedUser> {
      const settled = await settle(provider, identity, remote_address);
      // Most providers say nothing of it.
      if (identity.email !== undefined) await credentials.keepEmail({ id: settled.credential_id, email: identity.email });
      return settled;
    },
  };
}

/** HA contract 3.6b. `detail` is for the audit event. */
export function blockedError(reason: string, detail?: string): AuthError {
  return new AuthError('login_blocked', `Login blocked: ${reason}`, detail === undefined ? {} : { detail });
}
