// Upstream servers: OpenID Connect, or OAuth 2 with a user info URL. The person is redirected there
// and returns. A circuit breaker keeps a failing server from slowing others.
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchProtectedResource,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type ExternalState,
  type ProviderStep,
  providerKeyText,
  type StepContext,
} from '../../domain/auth_provider.ts';
import { newExternalState } from '../../domain/external_state.ts';
import type { FormValues } from '../../domain/form.ts';
import type { JsonObject } from '../../domain/json.ts';
import { newUpstreamLogin, type UpstreamLogin, verifiedMethods } from '../../domain/upstream_login.ts';
import { type OidcConfig, type OidcSettings, oidcConfig, oidcSettings } from './config.ts';
import { type Claims, missingClaims, oidcIdentity } from './identity.ts';
import { describeFailure, failureStatus, type OidcOutcome, timeoutError, upstreamOutcome } from './outcome.ts';
import { createUpstream, type WithConfiguration } from './upstream.ts';

/**
 * Parameters of an authorization response (RFC 6749 section 4.1.2, RFC 9207); others are dropped.
 */
const PARAMETERS = ['code', 'state', 'iss', 'error', 'error_description'];

/** The state needed on return. */
type Pending = ExternalState & UpstreamLogin & { nonce: string; code_verifier: string };

export const provider: AuthProviderType<CommonProviderConfig & OidcConfig> = {
  type: 'oidc',
  default_name: 'OpenID Connect',
  config: oidcConfig,
  create(config, deps) {
    const settings = oidcSettings(config);
    const provider_facts = configuredProvider(config, settings.default_name ?? provider.default_name);
    const warn = (detail: string) => deps.warn(`auth provider ${providerKeyText(provider_facts)}: ${detail}`);
    const upstream = createUpstream(settings, { ...deps, warn });

    async function sendAway(pending: Pending, { callback_url }: StepContext): Promise<ProviderStep> {
      try {
        const url = await authorizationUrl(await upstream.meet(), settings, pending, callback_url);
        return { type: 'external', step_id: 'external', url, state: pending };
      } catch (error) {
        return unavailable(describeFailure(error));
      }
    }

    async function takeBack(values: FormValues, pending: Pending, { callback_url }: StepContext): Promise<ProviderStep> {
      try {
        const outcome = await upstream.ask((converse) => identify(converse, settings, values, pending, callback_url));
        if ('identity' in outcome) return { type: 'identity', identity: outcome.identity };
        const detail = 'refused' in outcome ? outcome.refused : outcome.unavailable;
        warn(detail);
        if ('unavailable' in outcome) return unavailable(detail);
        return { type: 'abort', reason: outcome.denied ? 'access_denied' : 'invalid_response', detail };
      } catch (error) {
        return unavailable(describeFailure(error));
      }
    }

    return {
      ...provider_facts,
      support_mfa: true,
      external: true,
      refusal: () => null,
      async step({ values, state, context }) {
        if (!isPending(state)) return await sendAway(newPending(context, deps.clock()), context);
        return values !== null && 'state' in values ? await takeBack(values, state, context) : await sendAway(state, context);
      },
    };
  },
};

function newPending({ flow_id, reauthenticate = false }: StepContext, now: Date): Pending {
  const secrets = { state: newExternalState(flow_id), nonce: randomNonce(), code_verifier: randomPKCECodeVerifier() };
  return { ...secrets, ...newUpstreamLogin(reauthenticate, now) };
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
    ...(settings.endpoints === null && { nonce, ...(pending.reauthenticate && { prompt: 'login', max_age: '0' }) }),
  }).href;
}

/** Identifies the person. Throws only if the server did not answer. */
async function identify(
  converse: WithConfiguration,
  settings: OidcSettings,
  values: FormValues,
  pending: Pending,
  callback_url: string,
): Promise<OidcOutcome> {
  const response = new URL(callback_url);
  for (const name of PARAMETERS) if (values[name] !== undefined) response.searchParams.set(name, values[name]);
  try {
    const checks = { pkceCodeVerifier: pending.code_verifier, expectedState: pending.state };
    const { endpoints } = settings;
    const found = await converse((server) =>
      endpoints
        ? askWho(server, endpoints.userinfo_endpoint, response, checks)
        : readIdToken(server, settings, response, { ...checks, expectedNonce: pending.nonce }),
    );
    const identity = oidcIdentity(found.issuer, found.claims, { names: settings.claims, trust_email: settings.trust_email });
    if ('refused' in identity) return identity;
    // Plain OAuth can neither request nor confirm a new login.
    const amr = settings.endpoints === null ? verifiedMethods(identity.amr, found.claims.auth_time, pending) : [];
    return { identity: { ...identity, amr } };
  } catch (error) {
    const silence = timeoutError(error);
    if (silence) throw silence;
    return upstreamOutcome(error);
  }
}

interface Found {
  issuer: string;
  claims: Claims;
}

type Checks = Parameters<typeof authorizationCodeGrant>[2];

/** The verified ID token, completed from the userinfo endpoint. */
async function readIdToken(server: Configuration, settings: OidcSettings, response: URL, checks: Checks): Promise<Found> {
  const tokens = await authorizationCodeGrant(server, response, { ...checks, idTokenExpected: true });
  const claims = tokens.claims();
  if (!claims) throw new ClientError('no ID token');
  const isComplete = missingClaims(claims, settings.claims).length === 0;
  if (isComplete || server.serverMetadata().userinfo_endpoint === undefined) return { issuer: claims.iss, claims };
  // OpenID Connect Core section 5.3.2: the subject must match the ID token.
  const more = await fetchUserInfo(server, tokens.access_token, claims.sub).catch(withoutUserinfo);
  return { issuer: claims.iss, claims: { ...more, ...claims } };
}

/**
 * Some servers' userinfo does not accept this token; then the ID token must suffice. Other failures
 * are errors.
 */
function withoutUserinfo(error: unknown): Claims {
  if ([401, 403, 404].includes(failureStatus(error) ?? 0)) return {};
  throw error;
}

/** Plain OAuth: the person whom the access token is for. */
async function askWho(server: Configuration, endpoint: string, response: URL, checks: Checks): Promise<Found> {
  const { access_token } = await authorizationCodeGrant(server, response, checks);
  const headers = new Headers({ accept: 'application/json' });
  const answer = await fetchProtectedResource(server, access_token, new URL(endpoint), 'GET', null, headers);
  const claims: unknown = answer.status === 200 ? await answer.json() : null;
  if (typeof claims !== 'object' || claims === null) throw new ClientError(`the userinfo endpoint answers ${answer.status}`);
  return { issuer: server.serverMetadata().issuer, claims: { ...claims } };
}
