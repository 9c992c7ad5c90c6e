// Predicts the user of a login without changing anything: what resolve_user.ts, new_users.ts and
// sync_groups.ts would do. Used by provider_test.ts.
import { newPersonFrom } from '../accounts/new_users.ts';
import type { AuthProvider, Identity } from '../domain/auth_provider.ts';
import { managedGroups, mappedGroups } from '../domain/group_mapping.ts';
import { refusalToAuthenticate } from '../domain/login_block.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { UserListEntry, UserRepository } from '../repository/users.ts';

/** A user as it would be after the login. */
interface ForeseenUser {
  /** Null: to be created. */
  id: string | null;
  name: string | null;
  is_active: boolean;
  local_only: boolean;
  group_ids: string[];
}

export interface PreviewedUser {
  /** `linked_user`: the provider picks one of our users, and the first login links it. */
  outcome: 'existing_user' | 'linked_user' | 'new_user' | 'refused';
  /** Null: no user is found or created. */
  user: ForeseenUser | null;
  /**
   * Why the login would still be blocked, in Home Assistant's words (HA contract section 10); null:
   * it would succeed.
   */
  refusal: string | null;
}

export interface LoginPreviewDeps {
  credentials: Pick<CredentialRepository, 'findIdentity' | 'ofUserAt'>;
  users: Pick<UserRepository, 'find'>;
}

export type LoginPreview = (provider: AuthProvider, identity: Identity, remote_address: string) => Promise<PreviewedUser>;

export function createLoginPreview({ credentials, users }: LoginPreviewDeps): LoginPreview {
  async function known(
    provider: AuthProvider,
    identity: Identity,
    remote_address: string,
    found: UserListEntry,
    is_linked: boolean,
  ): Promise<PreviewedUser> {
    if (found.system_generated) return refused('User is not active');
    if (!is_linked && (await credentials.ofUserAt(found.id, provider))) return refused('Credential already linked');
    const { id, name, is_active, local_only } = found;
    const user = { id, name, is_active, local_only, group_ids: syncedGroups(provider, identity, found) };
    const refusal = refusalToAuthenticate(found, remote_address);
    return { outcome: is_linked ? 'existing_user' : 'linked_user', user, refusal };
  }

  return async (provider, identity, remote_address) => {
    const { subject, typed_subject = subject } = identity;
    const credential = (await credentials.findIdentity(provider, typed_subject)) ?? (await credentials.findIdentity(provider, subject));
    const user_id = credential?.user_id ?? identity.user_id;
    const found = user_id === undefined ? undefined : await users.find(user_id);
    if (found) return await known(provider, identity, remote_address, found, credential !== undefined);
    if (identity.user_id !== undefined) return refused('User is not active');
    if (provider.new_users === 'refuse') return refused('New users are not allowed');
    const { is_pending: _, ...person } = newPersonFrom(provider, identity);
    return { outcome: 'new_user', user: { id: null, ...person }, refusal: refusalToAuthenticate(person, remote_address) };
  };
}

function syncedGroups(provider: AuthProvider, identity: Identity, { is_owner, group_ids }: UserListEntry): string[] {
  if (!provider.sync_groups || !identity.groups || is_owner) return group_ids;
  const managed = managedGroups(provider);
  const kept = group_ids.filter((id) => !managed.includes(id));
  return [...new Set([...kept, ...mappedGroups(provider, identity)])].sort();
}

function refused(refusal: string): PreviewedUser {
  return { outcome: 'refused', user: null, refusal };
}
