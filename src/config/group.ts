// Groups named in the configuration, beside the three that every server has.

import { z } from 'zod';
import { type Policy, SYSTEM_POLICIES } from '../domain/policy.ts';
import { policyIssues } from '../domain/policy_schema.ts';
import { isBlock } from './shape.ts';
import { displayName, identifier } from './value.ts';

export const SYSTEM_GROUPS: readonly string[] = Object.keys(SYSTEM_POLICIES);

export const groupSchema = z.strictObject({
  /** What `default_groups` and memberships call it. */
  id: identifier().refine((id) => !SYSTEM_GROUPS.includes(id), 'is the id of a group that every server has'),
  name: displayName(),
  /** What its members may do. */
  policy: z.custom<Policy>().superRefine((policy, context) => {
    const complaints = policy === undefined ? [{ path: [], message: 'is required' }] : policyIssues(policy);
    for (const { path, message } of complaints) context.addIssue({ code: 'custom', path, message });
  }),
  /** Whether members need a second factor. */
  require_mfa: z.boolean().default(false),
});

/** The ids of the groups in the file, in its order, as far as they can be read. */
export function configuredGroupIds(groups: unknown): string[] {
  const items: unknown[] = Array.isArray(groups) ? groups : [];
  return items.map((group) => (isBlock(group) && typeof group.id === 'string' ? group.id : ''));
}
