// What a first login creates: a user waiting for approval, an active user, or none. Only a group
// mapping written by the operator makes an administrator. Used by login/resolve_user.ts.
import type { AuthProvider, Identity } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { newUserGroups } from '../domain/group_mapping.ts';
import { loginBlocked } from '../domain/login_block.ts';
import { suggestedUsername, usernameCandidates } from '../domain/profile.ts';
import { randomId } from '../domain/secret.ts';
import { cleanText } from '../domain/text.ts';
import type { User } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { CredentialRepository, NewPerson } from '../repository/credentials.ts';
import type { Usernames } from '../repository/usernames.ts';
import type { UserRepository } from '../repository/users.ts';
import { NO_PROFILE, profileUpdateFromLogin, retryOnConflict } from './profiles.ts';

const MAX_NAME_LENGTH = 256;

export interface NewUsersDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'find' | 'countPending' | 'updateProfile'>;
  usernames: Pick<Usernames, 'assign'>;
  credentials: Pick<CredentialRepository, 'findIdentity' | 'insertWithUser'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  /** Maximum users waiting for approval. */
  max_pending: number;
}

type Transaction = Parameters<Usernames['assign']>[0];

type Origin = Pick<AuthProvider, 'auth_provider_type' | 'auth_provider_id' | 'new_users' | 'default_groups' | 'groups'>;

/** The user and credential of an identity. */
export interface CreatedUser {
  user: Pick<User, 'id' | 'is_active' | 'local_only'>;
  credential_id: string;
}

export function createNewUsers({ database, users, usernames, credentials, audit, clock, max_pending }: NewUsersDeps) {
  async function find(provider: Origin, subject: string): Promise<CreatedUser | undefined> {
    const credential = await credentials.findIdentity(provider, subject);
    const user = credential && (await users.find(credential.user_id));
    return user && { user, credential_id: credential.id };
  }

  const inTransaction: NewUsersDeps['database']['transaction'] = (work) => retryOnConflict(() => database.transaction(work));

  async function name(trx: Transaction, user_id: string, identity: Identity): Promise<string | null> {
    const base = suggestedUsername({ ...identity, email: identity.email ?? identity.unverified_email });
    return base === null ? null : await usernames.assign(trx, { user_id, candidates: usernameCandidates(base, user_id) });
  }

  /** Undefined if a parallel login has created the identity's user. */
  async function make(provider: Origin, identity: Identity, remote_address: string): Promise<CreatedUser | undefined> {
    const { auth_provider_type, auth_provider_id } = provider;
    const { group_ids, ...person } = newPersonFrom(provider, identity);
    const user = { id: randomId(), is_active: person.is_active, local_only: person.local_only };
    const origin = { auth_provider_type, auth_provider_id };
    const credential = { id: randomId(), user_id: user.id, ...origin, subject: identity.subject, data: identity.data };
    return await inTransaction(async (trx) => {
      if (person.is_pending && (await users.countPending(trx)) >= max_pending) throw loginBlocked('too_many_waiting');
      if (!(await credentials.insertWithUser(trx, { ...credential, created_at: clock() }, person, group_ids))) return undefined;
      const profile = profileUpdateFromLogin(NO_PROFILE, identity, credential.id);
      await users.updateProfile(trx, user.id, profile);
      // A waiting user reserves no name.
      const username = person.is_active ? await name(trx, user.id, identity) : null;
      const detail = { name: person.name, is_pending: person.is_pending, group_ids, username, ...profile, ...origin };
      await audit.insert(trx, {
        type: 'user.created',
        outcome: 'done',
        actor_user_id: user.id,
        target_user_id: user.id,
        remote_address,
        detail,
      });
      return { user, credential_id: credential.id };
    });
  }

  return {
    /**
     * The identity's user, created now unless a parallel login was first; throws `login_blocked`.
     */
    async admit(provider: Origin, identity: Identity, remote_address: string): Promise<CreatedUser> {
      if (provider.new_users === 'refuse') throw loginBlocked('new_users_refused');
      const admitted = (await make(provider, identity, remote_address)) ?? (await find(provider, identity.subject));
      if (!admitted) throw loginBlocked('inactive');
      return admitted;
    },
  };
}

/** The user that a first login creates. */
export function newPersonFrom(provider: Origin, identity: Identity): NewPerson & { group_ids: string[] } {
  const is_active = provider.new_users === 'activate';
  const person = { name: nameOf(identity), is_active, is_pending: !is_active, local_only: identity.local_only ?? false };
  return { ...person, group_ids: newUserGroups(provider, identity) };
}

function nameOf({ name }: Identity): string | null {
  return cleanText(name ?? '', MAX_NAME_LENGTH) || null;
}
