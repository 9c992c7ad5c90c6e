// Resolves an identity to a user. Finding changes nothing; a first login is written only once every
// check has passed.
import type { Profiles } from '../accounts/profiles.ts';
import type { AuthProvider, Identity } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { groupsAfterLogin } from '../domain/group_mapping.ts';
import { loginBlocked } from '../domain/login_block.ts';
import { randomId } from '../domain/secret.ts';
import type { User } from '../domain/user.ts';
import type { Credential } from '../repository/credentials.ts';
import type { LoginPerson, LoginPersonRepository } from '../repository/login_person.ts';
import type { SyncGroups } from './sync_groups.ts';

/** The user and credential of an identity. */
export interface LinkedUser {
  user: Pick<User, 'id' | 'is_active' | 'local_only'>;
  credential_id: string;
}

export interface ResolveDeps {
  credentials: {
    findIdentity(provider: AuthProvider, subject: string): Promise<Credential | undefined>;
    /** False if the user has a login at this provider, or the identity belongs to another user. */
    link(credential: Credential): Promise<boolean>;
    keepEmail(known: { id: string; email: string | null }): Promise<void>;
  };
  loginPerson: Pick<LoginPersonRepository, 'find'>;
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

export function createResolveUser({ credentials, loginPerson, newUsers, syncGroups, profiles, clock }: ResolveDeps) {
  async function find(provider: AuthProvider, identity: Identity): Promise<LoginPerson | null> {
    const { subject, typed_subject = subject, user_id = null } = identity;
    const group_ids = groupsAfterLogin(provider, identity, { is_new: false });
    const person = await loginPerson.find({ provider, subject, typed_subject, user_id, group_ids });
    // A machine account never has a login.
    if (person?.user.system_generated) throw loginBlocked('inactive');
    return person ?? null;
  }

  async function link(provider: AuthProvider, identity: Identity, user: LinkedUser['user']): Promise<LinkedUser> {
    const { auth_provider_type, auth_provider_id } = provider;
    const { subject, data } = identity;
    const id = randomId();
    await credentials.link({ id, user_id: user.id, auth_provider_type, auth_provider_id, subject, data, created_at: clock() });
    // Of two parallel first logins one created the credential, and both find it.
    const credential = await credentials.findIdentity(provider, subject);
    if (credential?.user_id !== user.id) throw loginBlocked('credential_linked');
    return { user, credential_id: credential.id };
  }

  async function complete(
    provider: AuthProvider,
    identity: Identity,
    person: LoginPerson | null,
    remote_address: string,
  ): Promise<LinkedUser> {
    if (person) {
      const { user, credential_id } = person;
      const linked = credential_id === null ? await link(provider, identity, user) : { user, credential_id };
      await syncGroups(provider, identity, user.id, remote_address);
      await profiles.follow(provider, identity, user, linked.credential_id, remote_address);
      return linked;
    }
    // A provider that picks users creates none (HA contract 6.3); this user has been deleted.
    if (identity.user_id !== undefined) throw loginBlocked('inactive');
    return await newUsers.admit(provider, identity, remote_address);
  }

  return {
    /** The person of an identity; null if there is none. Changes nothing. */
    find,

    /**
     * Writes what a login changes: a first one's credential and user, or groups and profile.
     * `person`: what `find` returned in this request.
     */
    async complete(provider: AuthProvider, identity: Identity, person: LoginPerson | null, remote_address: string): Promise<LinkedUser> {
      const linked = await complete(provider, identity, person, remote_address);
      // Most providers report no profile.
      if (identity.email !== undefined) await credentials.keepEmail({ id: linked.credential_id, email: identity.email });
      return linked;
    },
  };
}
