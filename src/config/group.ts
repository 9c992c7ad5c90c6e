// Groups of the configuration, in addition to the built-in ones.

import { z } from 'zod';
import { type Policy, SYSTEM_POLICIES } from '../domain/policy.ts';
import { policyIssues } from '../domain/policy_schema.ts';
import { isBlock } from './shape.ts';
import { displayName, identifier } from './value.ts';

export const SYSTEM_GROUPS: readonly string[] = Object.keys(SYSTEM_POLICIES);

export const groupSchema = z.strictObject({
  /** The id used by `default_groups` and memberships. */
  id: identifier().refine((id) => !SYSTEM_GROUPS.includes(id), 'is the id of a group that every server has'),
  name: displayName(),
  /** The members' permissions. */
  policy: z.custom<Policy>().superRefine((policy, context) => {
    const complaints = policy === undefined ? [{ path: [], message: 'is required' }] : policyIssues(policy);
    for (const { path, message } of complaints) context.addIssue({ code: 'custom', path, message });
  }),
  /** Whether members need a second factor. */
  require_mfa: z.boolean().default(false),
});

/** The ids of the file's groups, in order, as far as readable. */
export function configuredGroupIds(groups: unknown): string[] {
  const items: unknown[] = Array.isArray(groups) ? groups : [];
  return items.map((group) => (isBlock(group) && typeof group.id === 'string' ? group.id : ''));
}
