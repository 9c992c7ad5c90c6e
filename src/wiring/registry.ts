// Loads plug-ins: every file of providers/, mfa_modules/ and grants/, named by its type. Creates
// providers and modules from configured blocks, and grants by grant_type.

import { readdir } from 'node:fs/promises';
import { extname } from 'node:path';
import type { AuthProviderBlock, MfaModuleBlock } from '../config/block.ts';
import { type AuthProvider, type AuthProviderType, type ProviderDeps, providerKeyText } from '../domain/auth_provider.ts';
import type { MfaModule, MfaModuleDeps, MfaModuleType } from '../domain/mfa_module.ts';
import type { Grant, GrantDeps, GrantType } from '../tokens/grant.ts';

export interface Registry {
  providers: ReadonlyMap<string, AuthProviderType>;
  mfa_modules: ReadonlyMap<string, MfaModuleType>;
  grants: ReadonlyMap<string, GrantType>;
}

/** Reads the folders; `extra`: provider types from elsewhere. */
export async function readRegistry(extra: readonly AuthProviderType[] = []): Promise<Registry> {
  const [providers, mfa_modules, grants] = await Promise.all([
    readFolder<AuthProviderType>('providers', 'provider', ({ type }) => type),
    readFolder<MfaModuleType>('mfa_modules', 'mfa_module', ({ type }) => type),
    readFolder<GrantType>('grants', 'grant', ({ grant_type }) => fileOfGrant(grant_type)),
  ]);
  for (const type of extra) providers.set(type.type, type);
  return { providers, mfa_modules, grants: new Map(Array.from(grants.values(), (type) => [type.grant_type, type])) };
}

/** The file of a URN grant type is named by its last part (RFC 8628 section 3.4). */
function fileOfGrant(grant_type: string): string {
  return grant_type.slice(grant_type.lastIndexOf(':') + 1).replaceAll('-', '_');
}

/** What each file exports as `name`, by its type. */
async function readFolder<Plugin>(folder: string, name: string, wordOf: (plugin: Plugin) => string): Promise<Map<string, Plugin>> {
  const plugins = new Map<string, Plugin>();
  for (const { word, file } of await filesOf(folder)) {
    const module: Record<string, Plugin> = await import(new URL(file, import.meta.url).href);
    const plugin = module[name];
    if (!plugin || wordOf(plugin) !== word) throw new Error(`${file} must export ${name} with the type ${word}`);
    plugins.set(word, plugin);
  }
  return plugins;
}

/** The entries of a folder: `totp.ts`, or a folder `ldap` with an index.ts. */
async function filesOf(folder: string): Promise<{ word: string; file: string }[]> {
  const entries = await readdir(new URL(`../${folder}/`, import.meta.url), { withFileTypes: true });
  const extension = extname(import.meta.url);
  const files = entries.flatMap((entry) => {
    const [, word, suffix] = /^([a-z_]+)(\.ts|\.js)?$/.exec(entry.name) ?? [];
    if (word === undefined || (entry.isDirectory() ? suffix !== undefined : suffix !== extension)) return [];
    return [{ word, file: `../${folder}/${entry.isDirectory() ? `${word}/index${extension}` : entry.name}` }];
  });
  return files.sort((a, b) => (a.word < b.word ? -1 : 1));
}

/** The configured providers in order, by `providerKeyText`. */
export function createProviders(
  registry: Registry,
  blocks: readonly AuthProviderBlock[],
  deps: ProviderDeps,
): ReadonlyMap<string, AuthProvider> {
  const providers = new Map<string, AuthProvider>();
  for (const block of blocks) {
    const type = registry.providers.get(block.type);
    if (!type) throw new Error(`there is no auth provider of type ${block.type}`);
    const provider = type.create(block, deps);
    providers.set(providerKeyText(provider), provider);
  }
  return providers;
}

/** The configured MFA modules in order, without those that cannot work at this address. */
export function createMfaModules(registry: Registry, blocks: readonly MfaModuleBlock[], deps: MfaModuleDeps): MfaModule[] {
  return blocks.flatMap((block) => registry.mfa_modules.get(block.type)?.create(block, deps) ?? []);
}

/** The supported grants by grant_type. */
export function createGrants(registry: Registry, deps: GrantDeps): ReadonlyMap<string, Grant> {
  const grants = new Map<string, Grant>();
  for (const { grant_type, create } of registry.grants.values()) {
    const grant = create(deps);
    if (grant) grants.set(grant_type, grant);
  }
  return grants;
}
