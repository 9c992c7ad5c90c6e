// Clients that publish their metadata at the URL that is their id
// (draft-ietf-oauth-client-id-metadata-document).
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Client } from '../domain/client.ts';
import { parseClientId } from '../domain/client_id.ts';
import {
  CLIENT_DEFAULTS,
  type ClientRules,
  clientMetadataIssues,
  selfDeclaredFields,
  withClientDefaults,
} from '../domain/client_metadata.ts';
import type { Clock } from '../domain/clock.ts';
import { metadataWording } from '../domain/error_description.ts';
import { AuthError } from '../domain/errors.ts';
import { pathText } from '../domain/json.ts';
import { isLocalAddress, isSpecialUse } from '../domain/network.ts';
import { redirectUriMatches } from '../domain/redirect_uri.ts';
import { isLoopbackHost } from '../domain/registered_redirect_uri.ts';
import { unsupportedField } from '../domain/unsupported_metadata.ts';
import { createDocumentCache, type LoadedDocument } from '../outbound/document_cache.ts';
import type { GuardedFetchOptions } from '../outbound/guarded_fetch.ts';
import { createGuardedJson, type JsonAnswer } from '../outbound/guarded_json.ts';

export interface MetadataDocumentDeps {
  clock: Clock;
  allow_private_addresses: boolean;
  allow_http_redirect_uris: boolean;
  /** All scopes. */
  scopes: readonly string[];
  /** For tests. */
  fetch?: Partial<GuardedFetchOptions>;
}

export interface MetadataDocuments {
  /** Whether that URL may have a document at all. */
  mayPublish(client_id: string): boolean;
  /**
   * The client described by its document; null if there is none. Throws `invalid_client_id` for an
   * invalid one, and `temporarily_unavailable` if it cannot be determined, so that a confidential
   * client never becomes a public one.
   */
  find(client_id: string, remote_address: string): Promise<Client | null>;
  /**
   * Why the last `find` got no document although there may be one; undefined if unknown. For the
   * log.
   */
  whyMissing(client_id: string): string | undefined;
}

const MAX_BYTES = 5 * 1024;
/** Maximum number of stored reasons. */
const MAX_MISSING = 500;
/** Grant types of clients that no operator registered; they always act for a person. */
export const SELF_MADE_GRANT_TYPES = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];

const document = z
  .object({ ...selfDeclaredFields, client_id: z.string(), client_secret: z.never(), client_secret_expires_at: z.never() })
  .partial()
  .required({ client_id: true });

export function createMetadataDocuments(deps: MetadataDocumentDeps): MetadataDocuments {
  const { clock, allow_private_addresses, fetch } = deps;
  const isAllowed = (address: string) => !isSpecialUse(address) || (allow_private_addresses && isLocalAddress(address));
  const get = createGuardedJson({ isAllowed, max_bytes: MAX_BYTES, ...fetch });
  const missing = new LRUCache<string, string>({ max: MAX_MISSING });
  const cache = createDocumentCache(async (url, signal) => {
    const answer = await get(url, signal);
    missing.delete(url);
    if ('reason' in answer) missing.set(url, answer.reason);
    return clientOf(url, answer, deps);
  }, clock);
  return {
    mayPublish: (client_id) => mayHaveDocument(client_id, allow_private_addresses),
    async find(client_id, remote_address) {
      return mayHaveDocument(client_id, allow_private_addresses) ? await cache.get(client_id, remote_address) : null;
    },
    whyMissing: (client_id) => missing.get(client_id),
  };
}

/** Draft section 3: https with a path. Plain http on loopback only, for development. */
function mayHaveDocument(client_id: string, allow_private_addresses: boolean): boolean {
  const { scheme, host = '', path = '/' } = parseClientId(client_id) ?? {};
  if (path === '/' || client_id.includes('#')) return false;
  // Home Assistant's companion apps have no document and must work without Internet access.
  if (redirectUriMatches(client_id, 'homeassistant://auth-callback')) return false;
  return scheme === 'https' || (scheme === 'http' && allow_private_addresses && isLoopbackHost(host));
}

function clientOf(client_id: string, answer: JsonAnswer, deps: MetadataDocumentDeps): LoadedDocument<Client> | null {
  if (answer.outcome === 'json') return { value: readDocument(client_id, answer.value, deps), max_age: answer.max_age };
  if (answer.outcome === 'broken') throw invalid(`it cannot be read: ${answer.reason}`);
  if (answer.outcome !== 'unreachable') return null;
  throw new AuthError('temporarily_unavailable', 'The metadata of the client cannot be read now', {
    retry_after: 5,
    detail: `${client_id}: ${answer.reason}`,
  });
}

/** Parses a document; throws `invalid_client_id` with the reason. */
export function readDocument(client_id: string, value: unknown, rules: ClientRules & { scopes: readonly string[] }): Client {
  const read = document.safeParse(value, { error: metadataWording });
  if (!read.success) throw invalid(`${pathText(read.error.issues[0]?.path ?? [])}: ${read.error.issues[0]?.message}`);
  const unsupported = unsupportedField(value, { in_document: true });
  if (unsupported !== null) throw invalid(`${unsupported}: asks for what this server does not do`);
  const { client_id: own_id, token_endpoint_auth_method = 'none', grant_types, scope, ...said } = read.data;
  if (own_id !== client_id) throw invalid('its client_id is another URL');
  if (token_endpoint_auth_method.startsWith('client_secret')) throw invalid('it has no secret that it could share with us');
  const client: Client = {
    ...withClientDefaults(said, { scope: [], token_endpoint_auth_method }),
    client_id,
    kind: 'metadata_document',
    grant_types: (grant_types ?? CLIENT_DEFAULTS.grant_types).filter((grant_type) => SELF_MADE_GRANT_TYPES.includes(grant_type)),
    scope: rules.scopes.filter((name) => scope?.includes(name) ?? true),
  };
  const [complaint] = clientMetadataIssues(client, rules);
  if (complaint) throw invalid(`${pathText(complaint.path)}: ${complaint.message}`);
  return client;
}

function invalid(detail: string): AuthError {
  return new AuthError('invalid_client_id', 'Invalid client metadata document', { detail });
}
