// Another server that people log in at, as a client of it sees it: what it says of itself, its keys, and conversations with it. Asked by providers/oidc.ts.
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

/** Seconds that one answer may take, and for which what was discovered holds. */
const TIMEOUT = 5;
const DISCOVERY_LIFETIME = 3600;
/** Seconds between two looks at the keys for a signature by none of them. */
const LOOK_AGAIN_AFTER = 5;
/** How userinfo may be signed where the server does not say: by any of its own keys. */
const USERINFO_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const BREAKER = { failures: 5, pause: 15, calls: 64 };
export interface Upstream {
  /** What is known of the server; asks it when that is old. */
  meet(): Promise<Configuration>;
  /** A conversation with it. */
  ask<T>(call: (converse: WithConfiguration) => Promise<T>): Promise<T>;
}

/** Reads an answer; a second time with its newest keys where none that is known made a signature. */
export type WithConfiguration = <T>(read: (server: Configuration) => Promise<T>) => Promise<T>;

/** The server while it answers. Discovery says nothing of its other endpoints, so each has a breaker of its own. */
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
 * The keys of a server, kept between conversations. It may change them at any time, and a code cannot be redeemed twice: then its answers from
 * before are read once more with its keys of now, at most every few seconds.
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

/** A fetch that throws `unavailable` whatever the reason is that nothing useful came. */
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

/** The same answer for everybody until it is old; asked for once at a time. */
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
  // Only what can be copied: the library's own helpers are left out.
  const metadata: ServerMetadata = JSON.parse(JSON.stringify(server.serverMetadata()));
  return { userinfo_signing_alg_values_supported: USERINFO_ALGORITHMS, ...metadata };
}

/** The server as the library wants it. */
function configured(
  { client_id, client_secret, endpoints, ...settings }: OidcSettings,
  metadata: ServerMetadata,
  fetch: CustomFetch,
): Configuration {
  const server = new Configuration(metadata, client_id, {}, clientAuth(settings.token_endpoint_auth_method, client_secret));
  // Such a URL is of this very machine; what others it names is judged by the fetch.
  if (isInsecure(settings.issuer) || Object.values(endpoints ?? {}).some(isInsecure)) allowInsecureRequests(server);
  // Otherwise the library would trust TLS for the ID token, and never look at its signature.
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
