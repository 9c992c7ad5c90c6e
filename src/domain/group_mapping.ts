// Which of our groups a person belongs to by what a provider says of them. Asked by login/ for new users, and at each login where groups are synced.

import type { AuthProvider, Identity } from './auth_provider.ts';
import { ADMIN_GROUP } from './user.ts';

type Mapped = Pick<AuthProvider, 'groups' | 'normalizeGroupName'>;

/** Every group that the mapping can give or take away; other memberships are nobody's business but the owner's. */
export function managedGroups({ groups = {} }: Pick<Mapped, 'groups'>): string[] {
  return unique(Object.values(groups).flat());
}

/** Our groups for the provider's groups that the person is in. Names are compared as that provider compares them. */
export function mappedGroups({ groups = {}, normalizeGroupName = exactly }: Mapped, identity: Pick<Identity, 'groups'>): string[] {
  const names = new Set(identity.groups?.map(normalizeGroupName));
  return unique(Object.entries(groups).flatMap(([name, ids]) => (names.has(normalizeGroupName(name)) ? ids : [])));
}

/**
 * The groups of a new user: those that the provider names as ours or else the default ones, and what the mapping adds.
 * Only the mapping, which an operator wrote, makes an administrator.
 */
export function newUserGroups(
  provider: Mapped & Pick<AuthProvider, 'default_groups'>,
  identity: Pick<Identity, 'groups' | 'group_ids'>,
): string[] {
  const named = withoutAdmins(identity.group_ids ?? []);
  const given = named.length > 0 ? named : withoutAdmins(provider.default_groups);
  return unique([...given, ...mappedGroups(provider, identity)]);
}

/** The groups that a login will put the person into. */
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
