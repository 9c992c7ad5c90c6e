// Loads the configuration: merges file, environment and secret files into one validated Config, or
// throws one error with every issue. The caller passes in the plug-ins' schemas.

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { readAuthProviders, readMfaModules } from './auth_providers.ts';
import type { AuthProviderBlock, BlockSchemas, MfaModuleBlock } from './block.ts';
import { type ClientConfig, readClients } from './client.ts';
import { overlayEnvironment } from './environment.ts';
import { checkForwardAuthRules } from './forward_auth.ts';
import { configuredGroupIds, SYSTEM_GROUPS } from './group.ts';
import { formatIssues } from './issue_report.ts';
import { type ConfigIssue, configError, findDuplicates } from './issues.ts';
import { resolveProxies } from './proxy_names.ts';
import { type ResolveContext, resolveSettings } from './resolve.ts';
import { configSchema } from './schema.ts';
import { isBlock } from './shape.ts';
import { check } from './wording.ts';
import { EMPTY_FILE, readYamlFile } from './yaml_file.ts';

/**
 * The validated configuration. Durations are seconds, null for never; paths are absolute; secrets
 * are read.
 */
export type Config = Omit<z.output<typeof configSchema>, 'auth_providers' | 'auth_mfa_modules' | 'clients'> & {
  auth_providers: AuthProviderBlock[];
  auth_mfa_modules: MfaModuleBlock[];
  clients: ClientConfig[];
  /** Names in http.trusted_proxies that did not resolve. */
  unresolved_proxies: string[];
};

export interface ConfigSource {
  /** The YAML file; absent: environment and defaults only. */
  file?: string | undefined;
  env: Record<string, string | undefined>;
  provider_types: BlockSchemas;
  mfa_module_types: BlockSchemas;
  /** The allowed grant types; absent: any. */
  grant_types?: readonly string[] | undefined;
}

/** All replicas need the same key, so a generated one in `data_dir` is not enough. */
const SECRET_KEY_MISSING = 'must be given with database_url (secret_key or secret_key_file); make one with: openssl rand -base64 48';

/** The issuer would change with each start, which invalidates all tokens and clients. */
const PORT_UNKNOWN = 'must not be 0 without public_url, which names the port that apps find';

/**
 * The default file: `LATCHKEY_CONFIG`, else `config.yaml` in the working directory if it exists.
 */
export function findConfigFile(env: Record<string, string | undefined>): string | undefined {
  return env.LATCHKEY_CONFIG || (existsSync('config.yaml') ? 'config.yaml' : undefined);
}

/** Throws a `ConfigError` with all issues. */
export async function loadConfig({ file, env, ...types }: ConfigSource): Promise<Config> {
  const yaml = file === undefined ? EMPTY_FILE : await readYamlFile(file);
  const complaints: ConfigIssue[] = [];
  const overlay = overlayEnvironment(yaml.value ?? {}, configSchema, env, (variable, message) =>
    complaints.push({ path: [], variable, message }),
  );
  const context: ResolveContext = {
    folder: file === undefined ? process.cwd() : dirname(resolve(file)),
    complain: (path, message) => void complaints.push({ path, message }),
    secret_files: new Map(),
    earlier_secrets: new Map(),
  };
  const config = yaml.readable ? await readConfig(overlay.value, types, context) : undefined;
  const lines = formatIssues({ file, yaml, complaints, variables: overlay.variables, secret_files: context.secret_files });
  if (lines.length > 0 || !config) throw configError(lines);
  return config;
}

async function readConfig(value: unknown, types: Omit<ConfigSource, 'file' | 'env'>, context: ResolveContext): Promise<Config | undefined> {
  const resolved = await resolveSettings(configSchema, value, [], context);
  const block = isBlock(resolved) ? resolved : {};
  const groups = configuredGroupIds(block.groups);
  for (const index of findDuplicates(groups)) context.complain(['groups', index, 'id'], 'another group has this id');
  if (block.database_url !== undefined && block.secret_key === undefined) context.complain(['secret_key'], SECRET_KEY_MISSING);
  if (isBlock(block.database) && block.database.direct_url !== undefined && block.database_url === undefined)
    context.complain(['database', 'direct_url'], 'requires database_url');
  if (isBlock(block.listen) && block.listen.port === 0 && block.public_url === undefined)
    context.complain(['listen', 'port'], PORT_UNKNOWN);
  const config = check(configSchema, resolved, [], context.complain);
  const auth_providers = await readAuthProviders(block.auth_providers, types.provider_types, groups, context);
  const auth_mfa_modules = await readMfaModules(block.auth_mfa_modules, types.mfa_module_types, context);
  const clients = readClients(block, { groups: [...SYSTEM_GROUPS, ...groups], grant_types: types.grant_types }, context);
  checkForwardAuthRules(block.forward_auth, groups, context);
  const proxies = config && (await resolveProxies(config.http.trusted_proxies));
  // Opens what an earlier version sealed.
  const earlier_key = context.earlier_secrets.get('secret_key') ?? [];
  return (
    config && {
      ...config,
      http: { ...config.http, trusted_proxies: proxies?.networks ?? [] },
      unresolved_proxies: proxies?.unresolved ?? [],
      auth_providers,
      auth_mfa_modules,
      clients,
      previous_secret_keys: config.previous_secret_keys.concat(earlier_key),
    }
  );
}
