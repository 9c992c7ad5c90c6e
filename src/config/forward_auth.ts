// Access rules of protected hosts behind a reverse proxy.

import { z } from 'zod';
import { isBelow } from '../domain/forward_auth_rule.ts';
import { duration } from './duration.ts';
import { SYSTEM_GROUPS } from './group.ts';
import { didYouMean } from './issues.ts';
import type { ResolveContext } from './resolve.ts';
import { isBlock } from './shape.ts';

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9]\d{0,4})?$/;

const host = z
  .string()
  .regex(HOST, 'must be a host in lower case such as grafana.example.com, with a port such as :8443 only if people type one')
  .refine((text) => !/:(80|443)$/.test(text), 'leave out the usual port: people do not type it');

/** Without alternatives in spelling. */
const path = z
  .string()
  .max(1000)
  .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and be plain ASCII')
  .refine((text) => !/[%\\?#;]|\/\/|\/\.{1,2}(\/|$)/.test(text), 'must be plain: no %, \\, ?, #, ;, double slash or dot segment');

/** `acr` values that demand something. */
const LEVELS = ['1', '2'] as const;

const paths = z.array(path).min(1).max(1000);

export const ruleSchema = z.strictObject({
  host,
  /** The rule's paths with everything below; absent: the whole host. */
  paths: paths.optional(),
  /** Groups with access; absent: everybody who is logged in. */
  groups: z.array(z.string()).min(1).max(1000).optional(),
  /** Paths of the rule that are public. */
  public_paths: paths.optional(),
  /** The class that a login must have at least: 1, something proven; 2, several factors. */
  acr: z.union([z.enum(LEVELS), z.literal([1, 2]).transform(String)], 'must be 1 or 2').optional(),
  /** The maximum age of a login in seconds. */
  max_age: duration('1m', '3650d').optional(),
  /** CORS preflights pass without a login; the app answers them. */
  allow_preflight: z.boolean().optional(),
});

export const forwardAuthSchema = z.strictObject({
  /** The first matching rule decides; hosts without a rule are denied. */
  rules: z.array(ruleSchema).max(1000).default([]),
});

/**
 * Reports rules that are valid alone but conflict with others. `block`: `forward_auth` as in the
 * file.
 */
export function checkForwardAuthRules(block: unknown, groups: readonly string[], context: ResolveContext): void {
  const given = isBlock(block) && Array.isArray(block.rules) ? block.rules : [];
  const known = [...SYSTEM_GROUPS, ...groups];
  // An invalid rule does not keep others from being checked.
  const rules = given.map((rule) => ruleSchema.safeParse(rule).data);
  for (const [index, rule] of rules.entries()) {
    if (!rule) continue;
    const complain = (path: (string | number)[], message: string) => context.complain(['forward_auth', 'rules', index, ...path], message);
    for (const [place, id] of (rule.groups ?? []).entries())
      if (!known.includes(id)) complain(['groups', place], `there is no such group${didYouMean(id, known)}`);
    for (const [place, open] of (rule.public_paths ?? []).entries())
      if (rule.paths && !isBelow(open, rule.paths)) complain(['public_paths', place], 'is not below any of the paths of this rule');
    const earlier = rules.findIndex((other) => other?.host === rule.host && !other.paths);
    if (earlier >= 0 && earlier < index) complain([], `is never reached: forward_auth.rules[${earlier}] is about the whole host already`);
  }
}
