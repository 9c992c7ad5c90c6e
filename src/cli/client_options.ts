// The settings of a client as options of `client add` and `client update`, and as lines of `client
// show`. Every setting has an option, which the type of SETTINGS enforces.
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import type { ClientPatch } from '../accounts/clients.ts';
import { duration } from '../config/duration.ts';
import { CLIENT_PROFILES, RESPONSE_MODES, RESPONSE_TYPES, SIGNING_ALGORITHMS } from '../domain/client.ts';
import { CLIENT_DEFAULTS, type ClientFields, managedFields } from '../domain/client_metadata.ts';
import { metadataWording } from '../domain/error_description.ts';
import { type JsonValue, pathText } from '../domain/json.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import { usageError } from './exit.ts';

/** How the words of an option are read; `texts` may be given several times. */
type Kind = 'text' | 'texts' | 'switch' | 'duration' | 'json' | 'json_file';

interface Setting {
  option: string;
  kind: Kind;
  help: string;
}

const SETTINGS: Record<keyof ClientFields, Setting> = {
  client_name: { option: 'name', kind: 'text', help: 'what people see' },
  redirect_uris: { option: 'redirect-uri', kind: 'texts', help: 'where the app wants its answers' },
  post_logout_redirect_uris: { option: 'post-logout-redirect-uri', kind: 'texts', help: 'where people may go after they logged out' },
  token_endpoint_auth_method: {
    option: 'token-endpoint-auth-method',
    kind: 'text',
    help: 'how it proves itself: none, client_secret_basic, client_secret_post or private_key_jwt',
  },
  grant_types: { option: 'grant-type', kind: 'texts', help: 'how it gets tokens (default: authorization_code and refresh_token)' },
  response_types: {
    option: 'response-type',
    kind: 'texts',
    help: `what the browser may carry to it: ${RESPONSE_TYPES.map((type) => `"${type}"`).join(', ')} (default: code)`,
  },
  response_modes: {
    option: 'response-mode',
    kind: 'texts',
    help: `how it may have its answers: ${RESPONSE_MODES.join(', ')} (default: all)`,
  },
  scope: { option: 'scope', kind: 'text', help: `what it may ask for (default: ${STANDARD_SCOPES.join(' ')})` },
  resources: { option: 'resource', kind: 'texts', help: 'another server that it may ask tokens for' },
  jwks: { option: 'jwks-file', kind: 'json_file', help: 'a file with the public keys (JWKS) that it proves itself with' },
  jwks_uri: { option: 'jwks-uri', kind: 'text', help: 'where it publishes those keys instead' },
  id_token_signed_response_alg: {
    option: 'id-token-signed-response-alg',
    kind: 'text',
    help: `the algorithm of its ID tokens: ${SIGNING_ALGORITHMS.join(', ')} (default: RS256)`,
  },
  access_token_signed_response_alg: {
    option: 'access-token-signed-response-alg',
    kind: 'text',
    help: `the algorithm of its access tokens: ${SIGNING_ALGORITHMS.join(', ')} (default: ES256)`,
  },
  userinfo_signed_response_alg: { option: 'userinfo-signed-response-alg', kind: 'text', help: 'the algorithm of its userinfo responses' },
  default_max_age: {
    option: 'default-max-age',
    kind: 'duration',
    help: 'how old a login may be, unless the app asks for another age; such as 12h (default: any)',
  },
  require_auth_time: { option: 'require-auth-time', kind: 'switch', help: 'it relies on auth_time, which ID tokens contain in any case' },
  dpop_bound_access_tokens: { option: 'dpop-bound-access-tokens', kind: 'switch', help: 'its tokens are bound to a key (DPoP)' },
  require_pushed_authorization_requests: {
    option: 'require-pushed-authorization-requests',
    kind: 'switch',
    help: 'it pushes its authorization requests (PAR)',
  },
  require_pkce: { option: 'pkce', kind: 'switch', help: 'PKCE is required; --no-pkce: for a confidential app that does not support it' },
  refuse_unknown_scopes: {
    option: 'refuse-unknown-scopes',
    kind: 'switch',
    help: 'requests for scopes that it may not have are refused, instead of the scopes being ignored',
  },
  id_token_claims: {
    option: 'id-token-claims',
    kind: 'switch',
    help: 'the ID token contains name, e-mail and groups, for an app that reads nothing else',
  },
  claims: {
    option: 'claims',
    kind: 'json',
    help: 'claims of your own by name, such as {"role":{"groups":{"system-admin":"admin","system-users":"user"}}}',
  },
  backchannel_logout_uri: { option: 'backchannel-logout-uri', kind: 'text', help: 'where it is notified of logouts' },
  profile: {
    option: 'profile',
    kind: 'text',
    help: `demands beyond those on every app: ${CLIENT_PROFILES.join(', ')} (needs --jwks-uri or --jwks-file)`,
  },
  trusted: { option: 'trusted', kind: 'switch', help: 'people are not asked whether they agree' },
  allowed_group_ids: { option: 'group', kind: 'texts', help: 'only members of this group may use it' },
  access_token_lifetime: { option: 'access-token-lifetime', kind: 'duration', help: 'how long its access tokens are valid, such as 10m' },
  refresh_token_idle_lifetime: {
    option: 'refresh-token-idle-lifetime',
    kind: 'duration',
    help: 'how long its refresh tokens are valid without use, such as 30d',
  },
  refresh_token_lifetime: {
    option: 'refresh-token-lifetime',
    kind: 'duration',
    help: 'how long its refresh tokens are valid at most, such as 365d',
  },
  client_uri: { option: 'client-uri', kind: 'text', help: 'the page of the app' },
  logo_uri: { option: 'logo-uri', kind: 'text', help: 'its logo' },
  policy_uri: { option: 'policy-uri', kind: 'text', help: 'its privacy policy' },
  tos_uri: { option: 'tos-uri', kind: 'text', help: 'its terms of service' },
};

const FIELDS = Object.keys(SETTINGS) as (keyof ClientFields)[];
const patch = z.strictObject(managedFields).partial();

/** What commander read. */
export type SettingOptions = Record<string, unknown>;

/** Adds an option for every setting but `without`, and `--public`. */
export function withSettings(command: Command, { without = [] }: { without?: readonly (keyof ClientFields)[] } = {}): Command {
  command.option('--public', 'an app that can keep no secret: in a browser, on a phone, at a command line');
  for (const field of FIELDS.filter((name) => !without.includes(name)))
    for (const option of optionsOf(SETTINGS[field])) command.addOption(option);
  return command;
}

function optionsOf({ option, kind, help }: Setting): Option[] {
  if (kind === 'switch') return [new Option(`--${option}`, help), new Option(`--no-${option}`, `the opposite of --${option}`)];
  if (kind !== 'texts') return [new Option(`--${option} <${kind === 'json_file' ? 'file' : kind}>`, help)];
  const several = (text: string, texts: string[] | undefined) => [...(texts ?? []), text];
  return [new Option(`--${option} <text>`, `${help}; several times for several`).argParser(several)];
}

/** The settings that were given. Throws a usage error that names the option and the field. */
export async function readSettings(options: SettingOptions): Promise<ClientPatch> {
  const given: Record<string, unknown> = options.public === true ? { token_endpoint_auth_method: 'none' } : {};
  for (const field of FIELDS) {
    const { option, kind } = SETTINGS[field];
    const words = options[new Option(`--${option}`).attributeName()];
    if (words !== undefined) given[field] = await read(kind, words, `--${option}: ${field}`);
  }
  const result = patch.safeParse(given, { error: metadataWording });
  if (result.success) return result.data;
  const { path = [], message = '' } = result.error.issues[0] ?? {};
  throw usageError(`--${SETTINGS[path[0] as keyof ClientFields].option}: ${pathText(path)} ${message}`);
}

/** `place`: the option and the field, for errors. */
async function read(kind: Kind, words: unknown, place: string): Promise<unknown> {
  if (kind === 'duration') {
    const seconds = duration('0s', '3650d').safeParse(words);
    if (!seconds.success) throw usageError(`${place} ${seconds.error.issues[0]?.message}`);
    return seconds.data;
  }
  if (kind === 'json') return parsed(String(words), place);
  if (kind !== 'json_file') return words;
  const text = await readFile(String(words), 'utf8').catch(() => {
    throw usageError(`${place}: there is no such file: ${words}`);
  });
  return parsed(text, place);
}

function parsed(text: string, place: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    throw usageError(`${place} is not JSON`);
  }
}

/** The defaults of settings named on the command line. */
export function defaultsOf(names: readonly string[]): ClientPatch {
  const defaults: ClientPatch = { ...CLIENT_DEFAULTS, scope: [...STANDARD_SCOPES] };
  const wrong = names.find((name) => !Object.hasOwn(defaults, name));
  if (wrong !== undefined) throw usageError(`--unset "${wrong}" must be one of ${Object.keys(defaults).join(', ')}`);
  return Object.fromEntries(names.map((name) => [name, defaults[name as keyof ClientPatch]]));
}

/** Every setting as it is shown: lists with blanks, a dash for none. */
export function settingFacts(client: ClientFields): Record<string, string> {
  return Object.fromEntries(FIELDS.map((field) => [field, shown(client[field])]));
}

function shown(value: ClientFields[keyof ClientFields]): string {
  if (value === null) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
