// Another server at which people log in: OpenID Connect, or plain OAuth 2 with a URL that tells who somebody is. The person goes there and comes back.
// That server is asked only while it answers: when it is down, this provider says so and no other one is slower for it.
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchProtectedResource,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type ExternalState,
  type ProviderDeps,
  type ProviderStep,
  providerKeyText,
  type StepContext,
} from '../domain/auth_provider.ts';
import { createCircuitBreaker } from '../domain/circuit_breaker.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { newExternalState } from '../domain/external_state.ts';
import type { Values } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import { type OidcConfig, type OidcSettings, oidcConfig, oidcSettings } from '../domain/oidc_config.ts';
import { type Claims, missingClaims, oidcIdentity } from '../domain/oidc_identity.ts';
import { type OidcOutcome, outcomeOf, reasonOf, silenceIn } from '../domain/oidc_outcome.ts';
import { cleanText } from '../domain/text.ts';
import { isUpstreamUrl } from '../domain/upstream_url.ts';

/** Seconds that one answer may take, and for which what was discovered holds. */
const TIMEOUT = 5;
const DISCOVERY_LIFETIME = 3600;
const BREAKER = { failures: 5, pause: 15, calls: 64 };
/** What an authorization response is made of (RFC 6749 section 4.1.2, RFC 9207); the rest is left out. */
const PARAMETERS = ['code', 'state', 'iss', 'error', 'error_description'];

/** What must be known when the person comes back. */
type Pending = ExternalState & { nonce: string; code_verifier: string };

export const provider: AuthProviderType<CommonProviderConfig & OidcConfig> = {
  type: 'oidc',
  default_name: 'OpenID Connect',
  config: oidcConfig,
  create(config, deps) {
    const settings = oidcSettings(config);
    const configured = configuredProvider(config, settings.default_name ?? provider.default_name);
    const warn = (detail: string) => deps.warn(`auth provider ${providerKeyText(configured)}: ${detail}`);
    const upstream = createUpstream(settings, { ...deps, warn });

    async function sendAway(pending: Pending, { callback_url }: StepContext): Promise<ProviderStep> {
      try {
        const url = await authorizationUrl(await upstream.meet(), settings, pending, callback_url);
        return { type: 'external', step_id: 'external', url, state: pending };
      } catch (error) {
        return unavailable(reasonOf(error));
      }
    }

    async function takeBack(values: Values, pending: Pending, { callback_url }: StepContext): Promise<ProviderStep> {
      try {
        const outcome = await upstream.ask((server) => identify(server, settings, values, pending, callback_url));
        if ('identity' in outcome) return { type: 'identity', identity: outcome.identity };
        const detail = 'refused' in outcome ? outcome.refused : outcome.unavailable;
        warn(detail);
        if ('unavailable' in outcome) return unavailable(detail);
        return { type: 'abort', reason: outcome.denied ? 'access_denied' : 'invalid_response', detail };
      } catch (error) {
        return unavailable(reasonOf(error));
      }
    }

    return {
      ...configured,
      support_mfa: true,
      external: true,
      refusal: () => null,
      async step({ values, state, context }) {
        if (!isPending(state)) return await sendAway(newPending(context.flow_id), context);
        return values !== null && 'state' in values ? await takeBack(values, state, context) : await sendAway(state, context);
      },
    };
  },
};

function newPending(flow_id: string): Pending {
  return { state: newExternalState(flow_id), nonce: randomNonce(), code_verifier: randomPKCECodeVerifier() };
}

function isPending(state: JsonObject): state is Pending {
  return ['state', 'nonce', 'code_verifier'].every((key) => typeof state[key] === 'string');
}

function unavailable(detail: string): ProviderStep {
  return { type: 'form', step_id: 'init', data_schema: [], errors: { base: 'provider_unavailable' }, detail };
}

async function authorizationUrl(server: Configuration, settings: OidcSettings, pending: Pending, callback_url: string): Promise<string> {
  const { state, nonce, code_verifier } = pending;
  return buildAuthorizationUrl(server, {
    redirect_uri: callback_url,
    scope: settings.scopes.join(' '),
    code_challenge: await calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: 'S256',
    state,
    ...(settings.endpoints === null && { nonce }),
  }).href;
}

/** Who came back. Throws only when the server did not answer: whatever it answers is an outcome. */
async function identify(
  server: Configuration,
  settings: OidcSettings,
  values: Values,
  pending: Pending,
  callback_url: string,
): Promise<OidcOutcome> {
  const response = new URL(callback_url);
  for (const name of PARAMETERS) if (values[name] !== undefined) response.searchParams.set(name, values[name]);
  try {
    const checks = { pkceCodeVerifier: pending.code_verifier, expectedState: pending.state };
    const found = settings.endpoints
      ? await askWho(server, settings.endpoints.userinfo_endpoint, response, checks)
      : await readIdToken(server, settings, response, { ...checks, expectedNonce: pending.nonce });
    const identity = oidcIdentity(found.issuer, found.claims, { names: settings.claims, trust_email: settings.trust_email });
    return 'refused' in identity ? identity : { identity };
  } catch (error) {
    const silence = silenceIn(error);
    if (silence) throw silence;
    return outcomeOf(error);
  }
}

interface Found {
  issuer: string;
  claims: Claims;
}

type Checks = Parameters<typeof authorizationCodeGrant>[2];

/** The ID token, verified, and from the userinfo endpoint what it does not say. */
async function readIdToken(server: Configuration, settings: OidcSettings, response: URL, checks: Checks): Promise<Found> {
  const tokens = await authorizationCodeGrant(server, response, { ...checks, idTokenExpected: true });
  const claims = tokens.claims();
  if (!claims) throw new ClientError('no ID token');
  const isComplete = missingClaims(claims, settings.claims).length === 0;
  if (isComplete || server.serverMetadata().userinfo_endpoint === undefined) return { issuer: claims.iss, claims };
  // OpenID Connect Core section 5.3.2: only of the very person that the ID token is about.
  const more = await fetchUserInfo(server, tokens.access_token, claims.sub);
  return { issuer: claims.iss, claims: { ...more, ...claims } };
}

/** What OAuth alone has: whoever the access token is for. */
async function askWho(server: Configuration, endpoint: string, response: URL, checks: Checks): Promise<Found> {
  const { access_token } = await authorizationCodeGrant(server, response, checks);
  const headers = new Headers({ accept: 'application/json' });
  const answer = await fetchProtectedResource(server, access_token, new URL(endpoint), 'GET', null, headers);
  const claims: unknown = answer.status === 200 ? await answer.json() : null;
  if (typeof claims !== 'object' || claims === null) throw new ClientError(`the userinfo endpoint answers ${answer.status}`);
  return { issuer: server.serverMetadata().issuer, claims: { ...claims } };
}

interface Upstream {
  /** What is known of the server; asks it when that is old. */
  meet(): Promise<Configuration>;
  /** A conversation with it. */
  ask<T>(call: (server: Configuration) => Promise<T>): Promise<T>;
}

/** The server while it answers. Discovery says nothing of its other endpoints, so each has a breaker of its own. */
function createUpstream(settings: OidcSettings, deps: Pick<ProviderDeps, 'clock' | 'upstreamFetch' | 'warn'>): Upstream {
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
          warn(reasonOf(error));
          throw error;
        }
      });
  }

  const discovering = watched();
  const asking = watched();
  const meet = kept(clock, () => discovering(() => discover(settings, fetch)));
  return {
    meet,
    async ask(call) {
      const server = await meet();
      return await asking(() => call(server));
    },
  };
}

/** A fetch that throws `unavailable` whatever the reason is that nothing useful came. */
function loudFetch(fetch: ReturnType<ProviderDeps['upstreamFetch']>): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const { host } = new URL(url);
    const text = body instanceof URLSearchParams || typeof body === 'string' ? String(body) : undefined;
    const response = await fetch(url, { method, headers, body: text, signal }).catch((cause: unknown) => {
      throw silent(`${host}: ${reasonOf(cause)}`);
    });
    if (response.status >= 500 || response.status === 429) throw silent(`${host} answers ${response.status}`);
    return response;
  };
}

function silent(detail: string): AuthError {
  return new AuthError('unavailable', 'The other server is not available', { detail });
}

/** The same answer for everybody until it is old; asked for once at a time. */
function kept(clock: Clock, ask: () => Promise<Configuration>): () => Promise<Configuration> {
  let known: { server: Configuration; expires_at: Date } | null = null;
  let asking: Promise<Configuration> | null = null;

  async function learn(): Promise<Configuration> {
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

async function discover(
  { issuer, client_id, client_secret, endpoints, ...settings }: OidcSettings,
  fetch: CustomFetch,
): Promise<Configuration> {
  const auth = clientAuth(settings.token_endpoint_auth_method, client_secret);
  // Such a URL is of this very machine; what others it names is judged below and by the fetch.
  const insecure = isInsecure(issuer) || Object.values(endpoints ?? {}).some(isInsecure) ? [allowInsecureRequests] : [];
  if (endpoints) {
    const server = new Configuration({ issuer, ...endpoints }, client_id, {}, auth);
    for (const allow of insecure) allow(server);
    return ready(server, fetch);
  }
  const options = { timeout: TIMEOUT, [customFetch]: fetch, execute: insecure };
  const server = await discovery(new URL(issuer), client_id, {}, auth, options);
  const { authorization_endpoint = '', token_endpoint = '' } = server.serverMetadata();
  for (const endpoint of [authorization_endpoint, token_endpoint])
    if (!isUpstreamUrl(endpoint) || (isInsecure(endpoint) && !isInsecure(issuer)))
      throw silent(`it names ${cleanText(endpoint) || 'no endpoint'}`);
  // Otherwise the library would trust TLS for the ID token, and never look at its signature.
  enableNonRepudiationChecks(server);
  return ready(server, fetch);
}

function ready(server: Configuration, fetch: CustomFetch): Configuration {
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
