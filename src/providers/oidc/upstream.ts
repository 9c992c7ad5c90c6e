// An upstream server as its client sees it: metadata, keys and requests.
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  getJwksCache,
  None,
  type ServerMetadata,
  setJwksCache,
} from 'openid-client';
import type { ProviderDeps } from '../../domain/auth_provider.ts';
import { createCircuitBreaker } from '../../domain/circuit_breaker.ts';
import { addSeconds, type Clock } from '../../domain/clock.ts';
import { AuthError } from '../../domain/errors.ts';
import { cleanText } from '../../domain/text.ts';
import { isUpstreamUrl } from '../../domain/upstream_url.ts';
import type { OidcSettings } from './config.ts';
import { describeFailure, isUnknownKey, mismatchedIssuer } from './outcome.ts';

/** Seconds for a request, and for which discovered metadata is cached. */
const TIMEOUT = 5;
const DISCOVERY_LIFETIME = 3600;
/** Minimum seconds between refreshes of the keys for an unknown signature. */
const LOOK_AGAIN_AFTER = 5;
/** Accepted userinfo algorithms if the server does not advertise any. */
const USERINFO_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const BREAKER = { failures: 5, pause: 15, calls: 64 };
export interface Upstream {
  /** The server's configuration, refreshed if it is old. */
  meet(): Promise<Configuration>;
  /** Runs requests to the server. */
  ask<T>(call: (converse: WithConfiguration) => Promise<T>): Promise<T>;
}

/** Reads a response, and once more with refreshed keys if no known key made its signature. */
export type WithConfiguration = <T>(read: (server: Configuration) => Promise<T>) => Promise<T>;

/**
 * The server behind circuit breakers. Each endpoint has its own, since discovery says nothing about
 * the others.
 */
export function createUpstream(settings: OidcSettings, deps: Pick<ProviderDeps, 'clock' | 'upstreamFetch' | 'warn'>): Upstream {
  const { clock, upstreamFetch, warn } = deps;
  const { issuer, endpoints, allow_private_addresses } = settings;
  const hosts = [issuer, ...Object.values(endpoints ?? {})].map((url) => new URL(url).hostname);
  const fetch = loudFetch(upstreamFetch({ hosts, allow_private_addresses }));

  function watched() {
    const breaker = createCircuitBreaker({ clock, ...BREAKER });
    return <T>(call: () => Promise<T>) =>
      breaker(async () => {
        try {
          return await call();
        } catch (error) {
          warn(describeFailure(error));
          throw error;
        }
      });
  }

  const discovering = watched();
  const asking = watched();
  const known = kept(clock, () => discovering(() => discover(settings, fetch)));
  const keys = createKeys(settings, fetch, clock);
  return {
    meet: async () => configured(settings, await known(), fetch),
    async ask(call) {
      const metadata = await known();
      return await asking(() => call((read) => keys.converse(metadata, read)));
    },
  };
}

/**
 * The server's cached keys. They may change at any time, and a code cannot be redeemed twice, so
 * responses are verified again with refreshed keys, at most every few seconds.
 */
function createKeys(settings: OidcSettings, fetch: CustomFetch, clock: Clock) {
  let keys: ReturnType<typeof getJwksCache>;
  let look_again_at: Date | null = null;

  return {
    async converse<T>(metadata: ServerMetadata, read: (server: Configuration) => Promise<T>): Promise<T> {
      const answers = new Map<string, Response>();
      const remembering: CustomFetch = async (url, options) => {
        const answer = await fetch(url, options);
        answers.set(url, answer.clone());
        return answer;
      };
      const first = configured(settings, metadata, remembering);
      if (keys) setJwksCache(first, keys);
      try {
        return await read(first);
      } catch (error) {
        const { jwks_uri = '' } = metadata;
        const now = clock();
        if (!isUnknownKey(error) || answers.has(jwks_uri) || (look_again_at !== null && now < look_again_at)) throw error;
        look_again_at = addSeconds(now, LOOK_AGAIN_AFTER);
        const again = configured(settings, metadata, async (url, options) => answers.get(url)?.clone() ?? (await fetch(url, options)));
        keys = undefined;
        const result = await read(again).finally(() => {
          keys = getJwksCache(again);
        });
        return result;
      } finally {
        keys ??= getJwksCache(first);
      }
    },
  };
}

/** A fetch that throws `unavailable` for every useless response. */
function loudFetch(fetch: ReturnType<ProviderDeps['upstreamFetch']>): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const { host } = new URL(url);
    const text = body instanceof URLSearchParams || typeof body === 'string' ? String(body) : undefined;
    const response = await fetch(url, { method, headers, body: text, signal }).catch((cause: unknown) => {
      throw silent(`${host}: ${describeFailure(cause)}`);
    });
    if (response.status >= 500 || response.status === 429) throw silent(`${host} answers ${response.status}`);
    return response;
  };
}

function silent(detail: string): AuthError {
  return new AuthError('unavailable', 'The other server is not available', { detail });
}

/** Caches a value until it is old, with one concurrent load. */
function kept(clock: Clock, ask: () => Promise<ServerMetadata>): () => Promise<ServerMetadata> {
  let known: { server: ServerMetadata; expires_at: Date } | null = null;
  let asking: Promise<ServerMetadata> | null = null;

  async function learn(): Promise<ServerMetadata> {
    const server = await ask();
    known = { server, expires_at: addSeconds(clock(), DISCOVERY_LIFETIME) };
    return server;
  }

  return async () => {
    if (known && clock() < known.expires_at) return known.server;
    asking ??= learn().finally(() => {
      asking = null;
    });
    return await asking;
  };
}

async function discover({ issuer, client_id, endpoints }: OidcSettings, fetch: CustomFetch): Promise<ServerMetadata> {
  if (endpoints) return { issuer, ...endpoints };
  const options = { timeout: TIMEOUT, [customFetch]: fetch, execute: isInsecure(issuer) ? [allowInsecureRequests] : [] };
  const server = await discovery(new URL(issuer), client_id, {}, None(), options).catch((cause: unknown) => {
    const other = mismatchedIssuer(cause);
    throw other === null ? cause : silent(`its metadata names the issuer ${other}, the configuration names ${issuer}`);
  });
  const { authorization_endpoint = '', token_endpoint = '' } = server.serverMetadata();
  for (const endpoint of [authorization_endpoint, token_endpoint])
    if (!isUpstreamUrl(endpoint) || (isInsecure(endpoint) && !isInsecure(issuer)))
      throw silent(`it names ${cleanText(endpoint) || 'no endpoint'}`);
  // Without the library's methods, which cannot be copied.
  const metadata: ServerMetadata = JSON.parse(JSON.stringify(server.serverMetadata()));
  return { userinfo_signing_alg_values_supported: USERINFO_ALGORITHMS, ...metadata };
}

/** The library's configuration. */
function configured(
  { client_id, client_secret, endpoints, ...settings }: OidcSettings,
  metadata: ServerMetadata,
  fetch: CustomFetch,
): Configuration {
  const server = new Configuration(metadata, client_id, {}, clientAuth(settings.token_endpoint_auth_method, client_secret));
  // The configured URL is on loopback; the fetch checks the others.
  if (isInsecure(settings.issuer) || Object.values(endpoints ?? {}).some(isInsecure)) allowInsecureRequests(server);
  // Otherwise the library would trust TLS and not verify ID token signatures.
  if (!endpoints) enableNonRepudiationChecks(server);
  server.timeout = TIMEOUT;
  server[customFetch] = fetch;
  return server;
}

function isInsecure(url: string): boolean {
  return url.startsWith('http:');
}

function clientAuth(method: OidcSettings['token_endpoint_auth_method'], client_secret: string): ClientAuth {
  if (method === 'none') return None();
  return method === 'client_secret_post' ? ClientSecretPost(client_secret) : ClientSecretBasic(client_secret);
}
