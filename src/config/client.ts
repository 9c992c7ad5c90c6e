// Clients and scopes of the configuration, and the policies for URL clients and self-registered
// clients.

import { z } from 'zod';
import { isUrlClientId } from '../domain/client_id.ts';
import {
  type ClientFields,
  clientFields,
  clientMetadataIssues,
  operatorFields,
  registeredId,
  withClientDefaults,
} from '../domain/client_metadata.ts';
import { groupsOfClaims } from '../domain/custom_claims.ts';
import { BUILT_IN_SCOPES, isScope, STANDARD_SCOPES } from '../domain/scope.ts';
import { duration } from './duration.ts';
import { didYouMean, findDuplicates } from './issues.ts';
import type { ResolveContext } from './resolve.ts';
import { isBlock } from './shape.ts';
import { bearerText, secretText } from './value.ts';

export const clientSchema = z.strictObject({
  client_id: registeredId,
  /** The secret of a confidential client. */
  client_secret: secretText(16).optional(),
  /** Still accepted while the app is being given the new one. */
  previous_client_secret: secretText(16).optional(),
  ...z.object(clientFields).partial().shape,
  ...z.object(operatorFields).partial().shape,
  default_max_age: duration('0s', '3650d').optional(),
  /** In seconds; absent: as in `tokens`. */
  access_token_lifetime: duration('1m', '1d').optional(),
  refresh_token_idle_lifetime: duration('1h', '3650d').optional(),
  refresh_token_lifetime: duration('1h', '3650d').optional(),
});

export const scopeSchema = z.strictObject({
  name: z
    .string()
    .refine(isScope, 'must be one word of printable ASCII')
    .refine((name) => !BUILT_IN_SCOPES.includes(name), 'is a scope that every server has'),
  /** The text on the consent page: one, or one per language. */
  description: z.union([z.string().min(1).max(500), z.record(z.string(), z.string().min(1).max(500))]),
});

const POLICIES = ['allow', 'approve', 'refuse'] as const;

export const urlClientsSchema = z.strictObject({
  /** Which unregistered apps are allowed; a list: those of these hosts. */
  policy: z.custom<(typeof POLICIES)[number] | string[]>(isPolicy, 'must be allow, approve or refuse, or a list of hosts').default('allow'),
  /** Whether clients' pages may have internal addresses. */
  allow_private_addresses: z.boolean().default(false),
  /** Apps that get a code without consent, by exact client_id. */
  trusted: z.array(z.string().refine(isUrlClientId, 'must be the URL that is the client_id of an app')).max(1000).default([]),
  /** Other resource servers that such apps may request tokens for (RFC 8707). */
  resources: operatorFields.resources.default([]),
});

export const registrationSchema = z
  .strictObject({
    /** Whether apps may register themselves with the token (RFC 7591). */
    enabled: z.boolean().default(false),
    /** The token; apps that registered with it need no approval. */
    initial_access_token: bearerText(16).optional(),
    /** Whether anybody may register apps, without a token. */
    open: z.boolean().default(false),
    /** Whether such apps need the owner's approval. */
    approve: z.boolean().default(true),
    /** Maximum such registrations per IPv4 address or IPv6 /64 and hour. */
    max_per_hour: z.int().min(1).max(100).default(20),
    /** Whether registered apps may request tokens for `url_clients.resources`. */
    allow_resources: z.boolean().default(false),
  })
  .refine(({ enabled, initial_access_token }) => !enabled || initial_access_token !== undefined, {
    path: ['initial_access_token'],
    error: 'must be given when registration is enabled; make one with: openssl rand -base64 32',
  });

/** A complete client of the configuration. */
export interface ClientConfig extends ClientFields {
  client_id: string;
  /** The accepted secrets; empty for a public client. */
  secrets: string[];
}

/** The valid clients, after reporting all issues. */
export function readClients(
  block: Record<string, unknown>,
  known: { groups: readonly string[]; grant_types: readonly string[] | undefined },
  context: ResolveContext,
): ClientConfig[] {
  const clients: unknown[] = Array.isArray(block.clients) ? block.clients : [];
  const ids = clients.map((client) => (isBlock(client) && typeof client.client_id === 'string' ? client.client_id : ''));
  for (const index of findDuplicates(ids)) context.complain(['clients', index, 'client_id'], 'another client has this client_id');
  const names = scopeNames(block.scopes);
  for (const index of findDuplicates(names)) context.complain(['scopes', index, 'name'], 'another scope has this name');
  const scopes = [...BUILT_IN_SCOPES, ...names];
  const rules = { allow_http_redirect_uris: block.allow_http_redirect_uris === true, allow_private_addresses: true, scopes, ...known };
  return clients.flatMap((client, index) => {
    const fitting = fittingFields(client);
    return fitting ? [readClient(fitting, index, rules, context)] : [];
  });
}

/** Many rules depend on these; without them a client is not checked further. */
const DECISIVE = ['client_id', 'client_secret', 'grant_types', 'token_endpoint_auth_method', 'jwks', 'jwks_uri', 'redirect_uris'];

/** The client without invalid fields, so that rules between the others are checked as well. */
function fittingFields(client: unknown): z.output<typeof clientSchema> | undefined {
  const read = clientSchema.safeParse(client);
  if (read.success || !isBlock(client)) return read.data;
  const wrong = new Set(read.error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [String(issue.path[0])])));
  if (DECISIVE.some((field) => wrong.has(field))) return undefined;
  return clientSchema.safeParse(Object.fromEntries(Object.entries(client).filter(([field]) => !wrong.has(field)))).data;
}

type Rules = Parameters<typeof clientMetadataIssues>[1] & { groups: readonly string[] };

function readClient(given: z.output<typeof clientSchema>, index: number, rules: Rules, context: ResolveContext): ClientConfig {
  const { client_id, client_secret, previous_client_secret, ...fields } = given;
  const complain = (path: (string | number)[], message: string) => context.complain(['clients', index, ...path], message);
  // The credentials determine the method.
  const method = client_secret !== undefined ? 'client_secret_basic' : fields.jwks || fields.jwks_uri ? 'private_key_jwt' : 'none';
  const client = withClientDefaults(fields, { scope: [...STANDARD_SCOPES], token_endpoint_auth_method: method });
  const needs_secret = client.token_endpoint_auth_method.startsWith('client_secret');
  if (needs_secret && client_secret === undefined) complain(['client_secret'], `is required by ${client.token_endpoint_auth_method}`);
  if (!needs_secret && client_secret !== undefined)
    complain(['client_secret'], `is not used by token_endpoint_auth_method ${client.token_endpoint_auth_method}`);
  if (client_secret === undefined && previous_client_secret !== undefined) complain(['previous_client_secret'], 'requires client_secret');
  for (const { path, message } of clientMetadataIssues(client, rules)) complain(path, message);
  for (const [place, id] of (client.allowed_group_ids ?? []).entries())
    if (!rules.groups.includes(id)) complain(['allowed_group_ids', place], `there is no such group${didYouMean(id, rules.groups)}`);
  for (const { id, path } of groupsOfClaims(client.claims))
    if (!rules.groups.includes(id)) complain(path, `there is no such group${didYouMean(id, rules.groups)}`);
  return { ...client, client_id, secrets: [client_secret, previous_client_secret].filter((secret) => secret !== undefined) };
}

function scopeNames(scopes: unknown): string[] {
  const items: unknown[] = Array.isArray(scopes) ? scopes : [];
  return items.map((scope) => (isBlock(scope) && typeof scope.name === 'string' ? scope.name : ''));
}

function isPolicy(value: unknown): boolean {
  if (!Array.isArray(value)) return POLICIES.some((policy) => policy === value);
  return value.length <= 1000 && value.every((host) => typeof host === 'string' && /^[a-z0-9.:[\]-]{1,255}$/.test(host));
}
