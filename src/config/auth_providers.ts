// Reads `auth_providers` and `auth_mfa_modules`: validates each block with its plug-in's schema,
// and checks for duplicates and unknown groups.

import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { ADMIN_GROUP } from '../domain/user.ts';
import {
  type AuthProviderBlock,
  type BlockSchemas,
  commonMfaModuleKeys,
  commonProviderKeys,
  type MfaModuleBlock,
  readBlock,
} from './block.ts';
import { SYSTEM_GROUPS } from './group.ts';
import { type ConfigPath, didYouMean, findDuplicates } from './issues.ts';
import type { ResolveContext } from './resolve.ts';
import { isBlock } from './shape.ts';

const LOCAL_TYPE = LOCAL_PROVIDER.auth_provider_type;
const DEFAULT_PROVIDERS: unknown[] = [{ type: LOCAL_TYPE }];
const DEFAULT_MFA_MODULES: unknown[] = [{ type: 'totp' }];
const NO_NEW_ADMINISTRATORS = 'new users are never administrators; make one after its first login';

/** The providers in file order; default: the local one. */
export async function readAuthProviders(
  blocks: unknown,
  types: BlockSchemas,
  groups: readonly string[],
  context: ResolveContext,
): Promise<AuthProviderBlock[]> {
  // `local` is an alias.
  const providers = (isFilledList(blocks) ? blocks : DEFAULT_PROVIDERS).map((block) =>
    isBlock(block) && block.type === 'local' ? { ...block, type: LOCAL_TYPE } : block,
  );
  const at = (index: number): ConfigPath => ['auth_providers', index];
  for (const index of findDuplicates(providers.map(providerName)))
    context.complain(at(index), 'another provider has this type and id; give each an id of its own');
  providers.forEach((block, index) => {
    complainOfLocalId(block, at(index), context);
    complainOfGroups(block, at(index), groups, context);
  });
  const read = await Promise.all(providers.map((block, index) => readBlock(block, at(index), types, commonProviderKeys, context)));
  return read.filter((block) => block !== undefined) as AuthProviderBlock[];
}

/** The second factors in file order; an empty list means none, an absent one TOTP. */
export async function readMfaModules(blocks: unknown, types: BlockSchemas, context: ResolveContext): Promise<MfaModuleBlock[]> {
  const modules = Array.isArray(blocks) ? blocks : DEFAULT_MFA_MODULES;
  const at = (index: number): ConfigPath => ['auth_mfa_modules', index];
  for (const index of findDuplicates(modules.map(moduleId)))
    context.complain(at(index), 'another MFA module has this id; give each an id of its own');
  const read = await Promise.all(modules.map((block, index) => readBlock(block, at(index), types, commonMfaModuleKeys, context)));
  return read.flatMap((block) => (block ? [{ ...block, id: block.id ?? block.type } as MfaModuleBlock] : []));
}

function isFilledList(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function providerName(block: unknown): string {
  return isBlock(block) && typeof block.type === 'string' ? `${block.type}:${block.id ?? ''}` : '';
}

function moduleId(block: unknown): string {
  return isBlock(block) ? String(block.id ?? block.type ?? '') : '';
}

/** There is only one store of local passwords. */
function complainOfLocalId(block: unknown, path: ConfigPath, context: ResolveContext): void {
  if (!isBlock(block) || block.type !== LOCAL_TYPE || block.id === undefined || block.id === null) return;
  context.complain([...path, 'id'], 'the local provider takes no id: there is only one');
}

/** The mapping may make administrators, since the operator wrote it; default groups may not. */
function complainOfGroups(block: unknown, path: ConfigPath, configured: readonly string[], context: ResolveContext): void {
  if (!isBlock(block)) return;
  const known = [...SYSTEM_GROUPS, ...configured];
  complainOfGroupIds(block.default_groups, [...path, 'default_groups'], known, context);
  for (const [index, id] of listOf(block.default_groups).entries())
    if (id === ADMIN_GROUP) context.complain([...path, 'default_groups', index], NO_NEW_ADMINISTRATORS);
  for (const [name, ids] of isBlock(block.groups) ? Object.entries(block.groups) : [])
    complainOfGroupIds(ids, [...path, 'groups', name], known, context);
}

function complainOfGroupIds(ids: unknown, path: ConfigPath, known: readonly string[], context: ResolveContext): void {
  for (const [index, id] of listOf(ids).entries())
    if (typeof id === 'string' && !known.includes(id)) context.complain([...path, index], `there is no such group${didYouMean(id, known)}`);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
