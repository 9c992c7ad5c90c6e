// Rules for protected hosts: who may see what of them through a reverse proxy that asks us.

import { z } from 'zod';
import { isBelow } from '../domain/forward_auth_rule.ts';
import { SYSTEM_GROUPS } from './group.ts';
import { didYouMean } from './issues.ts';
import type { ResolvedBase } from './resolve.ts';
import { isBlock } from './shape.ts';

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9]\d{0,4})?$/;

const host = z
  .string()
  .regex(HOST, 'must be a host in lower case such as grafana.example.com, with a port such as :8443 only if people type one')
  .refine((text) => !/:(80|443)$/.test(text), 'leave out the usual port: people do not type it');

/** Written plainly, so that there is one way to write it. */
const path = z
  .string()
  .max(1000)
  .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and be plain ASCII')
  .refine((text) => !/[%\\?#;]|\/\/|\/\.{1,2}(\/|$)/.test(text), 'must be plain: no %, \\, ?, #, ;, double slash or dot segment');

const paths = z.array(path).min(1).max(1000);

export const ruleSchema = z.strictObject({
  host,
  /** What the rule is about, each with everything below it; absent: the whole host. */
  paths: paths.optional(),
  /** Whose members may in; absent: everybody who is logged in. */
  groups: z.array(z.string()).min(1).max(1000).optional(),
  /** Of its paths, those that everybody may see. */
  public_paths: paths.optional(),
  /** CORS preflights pass without a login; the app answers them. */
  allow_preflight: z.boolean().optional(),
});

export const forwardAuthSchema = z.strictObject({
  /** The first that fits decides; a host that none of them names is closed. */
  rules: z.array(ruleSchema).max(1000).default([]),
});

/** Complains about rules that are right by themselves and wrong with the rest. `block`: `forward_auth` as it stands in the file. */
export function checkForwardAuthRules(block: unknown, groups: readonly string[], ground: ResolvedBase): void {
  const given = isBlock(block) && Array.isArray(block.rules) ? block.rules : [];
  const known = [...SYSTEM_GROUPS, ...groups];
  // A rule that is wrong by itself keeps none of the others from being looked at.
  const rules = given.map((rule) => ruleSchema.safeParse(rule).data);
  for (const [index, rule] of rules.entries()) {
    if (!rule) continue;
    const complain = (path: (string | number)[], message: string) => ground.complain(['forward_auth', 'rules', index, ...path], message);
    for (const [place, id] of (rule.groups ?? []).entries())
      if (!known.includes(id)) complain(['groups', place], `there is no such group${didYouMean(id, known)}`);
    for (const [place, open] of (rule.public_paths ?? []).entries())
      if (rule.paths && !isBelow(open, rule.paths)) complain(['public_paths', place], 'is not below any of the paths of this rule');
    const earlier = rules.findIndex((other) => other?.host === rule.host && !other.paths);
    if (earlier >= 0 && earlier < index) complain([], `is never reached: forward_auth.rules[${earlier}] is about the whole host already`);
  }
}
