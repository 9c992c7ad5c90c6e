// Maps a provider's groups to ours, for new users and, with `sync_groups`, at each login.

import type { AuthProvider, Identity } from './auth_provider.ts';
import { ADMIN_GROUP } from './user.ts';

type Mapped = Pick<AuthProvider, 'groups' | 'normalizeGroupName'>;

/** All groups that the mapping manages; other memberships are changed only by people. */
export function managedGroups({ groups = {} }: Pick<Mapped, 'groups'>): string[] {
  return unique(Object.values(groups).flat());
}

/** Our groups for the person's groups at the provider, compared as that provider compares names. */
export function mappedGroups({ groups = {}, normalizeGroupName = exactly }: Mapped, identity: Pick<Identity, 'groups'>): string[] {
  const names = new Set(identity.groups?.map(normalizeGroupName));
  return unique(Object.entries(groups).flatMap(([name, ids]) => (names.has(normalizeGroupName(name)) ? ids : [])));
}

/**
 * The groups of a new user: the provider's or the default ones, and those of the mapping. Only the
 * mapping, which the operator wrote, can make an administrator.
 */
export function newUserGroups(
  provider: Mapped & Pick<AuthProvider, 'default_groups'>,
  identity: Pick<Identity, 'groups' | 'group_ids'>,
): string[] {
  const named = withoutAdmins(identity.group_ids ?? []);
  const given = named.length > 0 ? named : withoutAdmins(provider.default_groups);
  return unique([...given, ...mappedGroups(provider, identity)]);
}

/** The groups that a login will assign. */
export function groupsAfterLogin(
  provider: Mapped & Pick<AuthProvider, 'sync_groups' | 'default_groups'>,
  identity: Pick<Identity, 'groups' | 'group_ids'>,
  { is_new }: { is_new: boolean },
): string[] {
  if (is_new) return newUserGroups(provider, identity);
  return provider.sync_groups && identity.groups ? mappedGroups(provider, identity) : [];
}

function exactly(name: string): string {
  return name;
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

function withoutAdmins(ids: readonly string[]): string[] {
  return ids.filter((id) => id !== ADMIN_GROUP);
}
