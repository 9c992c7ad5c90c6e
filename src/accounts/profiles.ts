// Profiles: who may change which fields, and what a login takes over from its provider.
import type { AuthProvider, Identity } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import {
  isEmail,
  isLocale,
  isPicture,
  isZoneinfo,
  type PersonProfile,
  type ProfilePatch,
  requireEmail,
  requireLocale,
  requirePicture,
  requireZoneinfo,
  suggestedUsername,
  usernameCandidates,
} from '../domain/profile.ts';
import { violatesConstraint } from '../postgres/constraint.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import { USERNAME_INDEXES, type Usernames } from '../repository/usernames.ts';
import type { ProfileChange, UserListEntry, UserRepository } from '../repository/users.ts';
import { type Actor, requireOwner } from './actor.ts';

const PROFILE_INDEXES = ['users_verified_email', ...USERNAME_INDEXES];

/** An empty profile. */
export const NO_PROFILE = { email: null, email_verified: false, email_credential_id: null, picture: null, locale: null, zoneinfo: null };

/**
 * The columns that a patch changes. An e-mail address entered by the owner or operator is verified
 * by default, one entered by others is not. Throws `invalid_format`, and `unauthorized` when others
 * set `email_verified`.
 */
export function profileChange(patch: ProfilePatch, before: Pick<PersonProfile, 'email'>, actor: Actor): ProfileChange {
  const { email, email_verified, picture, locale, zoneinfo } = patch;
  if (email_verified !== undefined) requireOwner(actor);
  if (email_verified && (email === undefined ? before.email : email) === null)
    throw new AuthError('invalid_format', 'There is no e-mail address that could be verified');
  return {
    ...(email === undefined ? email_verified !== undefined && { email_verified } : emailChange(email, email_verified, before, actor)),
    ...(picture !== undefined && { picture: picture === null ? null : requirePicture(picture) }),
    ...(locale !== undefined && { locale: locale === null ? null : requireLocale(locale) }),
    ...(zoneinfo !== undefined && { zoneinfo: zoneinfo === null ? null : requireZoneinfo(zoneinfo) }),
  };
}

function emailChange(
  entered: string | null,
  email_verified: boolean | undefined,
  before: Pick<PersonProfile, 'email'>,
  { is_owner }: Actor,
): ProfileChange {
  if (entered === null) return { email: null, email_verified: false, email_credential_id: null };
  const email = requireEmail(entered);
  const is_new = !isSameEmail(email, before.email);
  const verified = email_verified ?? (is_new ? is_owner : undefined);
  return { email, email_credential_id: null, ...(verified !== undefined && { email_verified: verified }) };
}

/** The username suggested by the first login with a usable name. */
export function suggestUsername({ credentials, email, name }: Pick<UserListEntry, 'credentials' | 'email' | 'name'>): string | null {
  const [suggestion = null] = credentials.flatMap(({ data }) => suggestedUsername({ data, email, name }) ?? []);
  return suggestion;
}

/**
 * What a login changes: the e-mail address follows its provider, and empty fields are filled in.
 */
export function profileUpdateFromLogin(
  before: Pick<UserListEntry, 'email' | 'email_verified' | 'email_credential_id' | 'picture' | 'locale' | 'zoneinfo'>,
  identity: Identity,
  credential_id: string,
): ProfileChange {
  const { picture, locale, zoneinfo } = identity;
  return {
    ...statedEmail(before, identity, credential_id),
    ...(before.picture === null && picture && isPicture(picture) && { picture }),
    ...(before.locale === null && locale && isLocale(locale) && { locale }),
    ...(before.zoneinfo === null && zoneinfo && isZoneinfo(zoneinfo) && { zoneinfo }),
  };
}

function statedEmail(
  before: Pick<UserListEntry, 'email' | 'email_verified' | 'email_credential_id'>,
  { email: vouched, unverified_email, email_verified = false }: Identity,
  credential_id: string,
): ProfileChange {
  if (vouched === undefined && unverified_email === undefined) return {};
  if (before.email !== null && before.email_credential_id !== credential_id) return {};
  const stated = vouched ?? unverified_email ?? null;
  const email = stated !== null && isEmail(stated) ? stated : null;
  const is_verified = email_verified && email !== null && email === vouched;
  // An unchanged address stays verified.
  if (isSameEmail(email, before.email)) return is_verified && !before.email_verified ? { email_verified: true } : {};
  return { email, email_verified: is_verified, email_credential_id: email === null ? null : credential_id };
}

function isSameEmail(email: string | null, other: string | null): boolean {
  return email?.toLowerCase() === other?.toLowerCase();
}

export interface ProfilesDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'updateProfile'>;
  usernames: Usernames;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
}

export type Profiles = ReturnType<typeof createProfiles>;

export function createProfiles({ database, users, usernames, audit, clock }: ProfilesDeps) {
  type Transaction = Parameters<typeof users.updateProfile>[0];

  /** Names a person whose row was written by the previous version, or who had no name. */
  async function name(trx: Transaction, user: UserListEntry, provider: AuthProvider, identity: Identity): Promise<string | null> {
    const user_id = user.id;
    if (isLocal(provider)) {
      const outcome = await usernames.rename(trx, { user_id, to: identity.subject, now: clock(), reuse_retired: false });
      return outcome === 'renamed' ? identity.subject : null;
    }
    const base = suggestedUsername({ ...identity, email: identity.email ?? identity.unverified_email });
    return base === null ? null : await usernames.assign(trx, { user_id, candidates: usernameCandidates(base, user_id) });
  }

  return {
    /**
     * Takes over changes from the provider. Never fails because a name or address belongs to
     * somebody else.
     */
    async follow(
      provider: AuthProvider,
      identity: Identity,
      user: UserListEntry,
      credential_id: string,
      remote_address: string,
    ): Promise<void> {
      const change = profileUpdateFromLogin(user, identity, credential_id);
      const is_unnamed = user.is_active && (isLocal(provider) ? !user.is_username_stored : user.username === null);
      if (Object.keys(change).length === 0 && !is_unnamed) return;
      try {
        await database.transaction(async (trx) => {
          const username = is_unnamed ? await name(trx, user, provider, identity) : null;
          await users.updateProfile(trx, user.id, change);
          const who = { actor_user_id: user.id, target_user_id: user.id, remote_address };
          const detail = { ...change, ...(username !== null && { username }) };
          if (Object.keys(detail).length > 0) await audit.insert(trx, { type: 'user.updated', outcome: 'done', ...who, detail });
        });
      } catch (error) {
        // A parallel change was first; the next login tries again.
        if (!PROFILE_INDEXES.some((index) => violatesConstraint(error, index))) throw error;
      }
    },
  };
}

/** Repeats a change once if a parallel one took the name or verified address. */
export async function retryOnConflict<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!PROFILE_INDEXES.some((index) => violatesConstraint(error, index))) throw error;
    return await work();
  }
}

function isLocal({ auth_provider_type, auth_provider_id }: Pick<AuthProvider, 'auth_provider_type' | 'auth_provider_id'>): boolean {
  return auth_provider_type === LOCAL_PROVIDER.auth_provider_type && auth_provider_id === LOCAL_PROVIDER.auth_provider_id;
}
