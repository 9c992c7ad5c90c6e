// The blocks of plug-ins: the keys that all of them share, and the reading of one by the schema of the plug-in that its `type` names.

import { z } from 'zod';
import type { CommonProviderConfig } from '../domain/auth_provider.ts';
import { type ConfigPath, didYouMean } from './issues.ts';
import { type ResolvedBase, resolveSettings } from './resolve.ts';
import { isBlock } from './shape.ts';
import { displayName, identifier } from './value.ts';
import { check } from './wording.ts';

/** By `type`, the keys that a plug-in's block has beside the common ones. */
export type BlockSchemas = ReadonlyMap<string, z.ZodObject>;

/** A provider's block: the common keys, and the plug-in's own as its schema reads them. */
export type AuthProviderBlock = CommonProviderConfig & Record<string, unknown>;

/** An MFA module's block; its id is the type where none is given. */
export type MfaModuleBlock = { type: string; id: string; name?: string | undefined } & Record<string, unknown>;

export const commonProviderKeys = {
  type: z.string(),
  /** Tells several of one type apart; they never share credentials. */
  id: identifier().optional(),
  name: displayName().optional(),
  /** What becomes of a person that no credential knows. */
  new_users: z.enum(['approve', 'activate', 'refuse']).default('approve'),
  /** Groups of a new user. */
  default_groups: z.array(z.string()).max(100).default(['system-users']),
  /** By a group's name at the provider, ours that its members are in. */
  groups: z.record(z.string(), z.array(z.string()).max(100)).default({}),
  /** Whether `groups` is applied again at each login. */
  sync_groups: z.boolean().default(false),
  /** Nobody gets in here without a second factor. */
  require_mfa: z.boolean().default(false),
};

export const commonMfaModuleKeys = {
  type: z.string(),
  id: identifier().optional(),
  name: displayName().optional(),
};

/** The block as `common` and the schema of its type read it, or undefined after complaining about all that is wrong in it. */
export async function readBlock(block: unknown, path: ConfigPath, types: BlockSchemas, common: z.ZodRawShape, ground: ResolvedBase) {
  if (!isBlock(block)) return ground.complain(path, 'must be a block of settings with a type');
  const type = block.type;
  const own = typeof type === 'string' ? types.get(type) : undefined;
  if (!own) return ground.complain([...path, 'type'], unknownType(type, [...types.keys()].sort()));
  const schema = own.safeExtend(common).strict();
  return check(schema, await resolveSettings(schema, block, path, ground), path, ground.complain);
}

function unknownType(type: unknown, known: string[]): string {
  const list = `known are ${known.join(', ')}`;
  if (typeof type !== 'string') return `is required; ${list}`;
  if (type === 'insecure_example')
    return `insecure_example is a teaching example whose passwords stand in the open; it does not exist here; ${list}`;
  return `unknown type; ${list}${didYouMean(type, known)}`;
}
