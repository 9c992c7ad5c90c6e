// Blocks of plug-ins: the common keys, and validation by the schema that `type` selects.

import { z } from 'zod';
import type { CommonProviderConfig } from '../domain/auth_provider.ts';
import { type ConfigPath, didYouMean } from './issues.ts';
import { type ResolveContext, resolveSettings } from './resolve.ts';
import { isBlock } from './shape.ts';
import { displayName, identifier } from './value.ts';
import { check } from './wording.ts';

/** By `type`, a plug-in's own keys. */
export type BlockSchemas = ReadonlyMap<string, z.ZodObject>;

/** A provider's block: common keys and the plug-in's own. */
export type AuthProviderBlock = CommonProviderConfig & Record<string, unknown>;

/** An MFA module's block; its id defaults to the type. */
export type MfaModuleBlock = { type: string; id: string; name?: string | undefined } & Record<string, unknown>;

export const commonProviderKeys = {
  type: z.string(),
  /** Distinguishes several of one type; they never share credentials. */
  id: identifier().optional(),
  name: displayName().optional(),
  /** How a person without a credential is handled. */
  new_users: z.enum(['approve', 'activate', 'refuse']).default('approve'),
  /** Groups of a new user. */
  default_groups: z.array(z.string()).max(100).default(['system-users']),
  /** Maps provider groups to ours. */
  groups: z.record(z.string(), z.array(z.string()).max(100)).default({}),
  /** Applies `groups` at each login. */
  sync_groups: z.boolean().default(false),
  /** Requires a second factor for this provider. */
  require_mfa: z.boolean().default(false),
};

export const commonMfaModuleKeys = {
  type: z.string(),
  id: identifier().optional(),
  name: displayName().optional(),
};

/** Validates the block; undefined after reporting every issue. */
export async function readBlock(block: unknown, path: ConfigPath, types: BlockSchemas, common: z.ZodRawShape, context: ResolveContext) {
  if (!isBlock(block)) return context.complain(path, 'must be a block of settings with a type');
  const type = block.type;
  const own = typeof type === 'string' ? types.get(type) : undefined;
  if (!own) return context.complain([...path, 'type'], unknownType(type, [...types.keys()].sort()));
  const schema = own.safeExtend(common).strict();
  return check(schema, await resolveSettings(schema, block, path, context), path, context.complain);
}

function unknownType(type: unknown, known: string[]): string {
  const list = `known are ${known.join(', ')}`;
  if (typeof type !== 'string') return `is required; ${list}`;
  if (type === 'insecure_example')
    return `insecure_example is a teaching example whose passwords stand in the open; it does not exist here; ${list}`;
  return `unknown type; ${list}${didYouMean(type, known)}`;
}
