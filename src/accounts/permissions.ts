// Permission checks of users: the owner passes all, others by the merged policies of their groups
// (HA contract 13).
import { AuthError } from '../domain/errors.ts';
import { compilePolicy, mergePolicies, type PolicyObject } from '../domain/policy.ts';
import type { GroupRepository } from '../repository/groups.ts';

export interface Permission {
  category: string;
  /** The object with the look-ups of its category: entity_id, device_id, area_id, domain. */
  object: PolicyObject;
  key: string;
}

export type Permissions = ReturnType<typeof createPermissions>;

export function createPermissions({ groups }: { groups: Pick<GroupRepository, 'rights'> }) {
  return {
    /** False for an inactive user; throws `not_found` for an unknown one. */
    async check(user_id: string, { category, object, key }: Permission): Promise<boolean> {
      const rights = await groups.rights(user_id);
      if (!rights) throw new AuthError('not_found', 'User not found');
      if (rights.is_owner || !rights.is_active) return rights.is_owner;
      return compilePolicy(mergePolicies(rights.policies))(category, object, key);
    },
  };
}
