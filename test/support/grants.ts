// The parts between an authorization code and an access token, on a real database, with a clock that stands still.
import type { AuditEvent } from '../../src/domain/audit_event.ts';
import type { AuthProvider } from '../../src/domain/auth_provider.ts';
import { type Client, isConfidential } from '../../src/domain/client.ts';
import { AuthError } from '../../src/domain/errors.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { PasswordlessAccess } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import type { ClientAuthentication } from '../../src/oauth/client_authentication.ts';
import { createIntrospection } from '../../src/oauth/introspection.ts';
import { createRevocation } from '../../src/oauth/revocation.ts';
import { createTokenEndpoint } from '../../src/oauth/token_endpoint.ts';
import { createUserinfo } from '../../src/oauth/userinfo.ts';
import type { Database } from '../../src/postgres/database.ts';
import type { NewRefreshToken } from '../../src/repository/refresh_tokens.ts';
import { createRepositories } from '../../src/repository/repositories.ts';
import { createSealer, type Sealer } from '../../src/secrets/sealer.ts';
import { createAccessTokens } from '../../src/tokens/access_token.ts';
import type { FinishedLogin } from '../../src/tokens/authorization_code.ts';
import { createBearer } from '../../src/tokens/bearer.ts';
import { createDpop } from '../../src/tokens/dpop.ts';
import type { GrantDeps } from '../../src/tokens/grant.ts';
import { createIdTokens } from '../../src/tokens/id_token.ts';
import { createIssuer } from '../../src/tokens/issuer.ts';
import { createKeyring } from '../../src/tokens/keyring.ts';
import { createLastUsed } from '../../src/tokens/last_used.ts';
import { createRotatingTokens, newRefreshToken } from '../../src/tokens/refresh_token.ts';
import { createGrants, readRegistry } from '../../src/wiring/registry.ts';
import { createTestClock } from './clock.ts';
import { NOON } from './people.ts';
import { createReleasedCodes } from './released_codes.ts';

export const CLIENT = 'https://example.com/app';
export const ISSUER = 'https://auth.example.com';
export const HOME = '192.168.1.123';
export const ABROAD = '198.51.100.1';
export const SEALER = createSealer({ secret_key: 'a secret key of a test, long enough' });

/** Everyone is let in by the local provider. */
export const ADMITTED: PasswordlessAccess = { providers: ['homeassistant:'], refusal: () => 'Auth provider is not configured' };

export type TokenParts = Awaited<ReturnType<typeof createTokenParts>>;

/** Everything from the repositories to the token endpoint; one call for each replica. */
export async function createTokenParts(
  database: Database,
  {
    lifetimes = {},
    refresh_token_grace = 10,
    token_exchange_enabled = true,
    sealer = SEALER,
    time = createTestClock(NOON),
  }: {
    lifetimes?: Partial<GrantDeps['lifetimes']>;
    refresh_token_grace?: number;
    token_exchange_enabled?: boolean;
    sealer?: Sealer;
    time?: ReturnType<typeof createTestClock>;
  } = {},
) {
  const { clock } = time;
  const events: AuditEvent[] = [];
  const audit = { record: (event: AuditEvent) => void events.push(event) };
  const repositories = createRepositories(database, sealer);
  const { authorizationCodes, refreshTokens, deviceCodes, signingKeys, userFacts, rotation, revokedAccessTokens, usedProofs } =
    repositories;
  const keyring = await createKeyring({ signingKeys, sealer, clock });
  const accessTokens = createAccessTokens({ keyring, issuer: ISSUER, clock });
  const idTokens = createIdTokens({ keyring, userFacts, issuer: ISSUER, clock });
  const issuer = createIssuer({ accessTokens, idTokens, keyring });
  const lastUsed = createLastUsed({ refreshTokens, clock });
  const clients = new Map<string, Client>();
  // A secret is the client_id backwards: how a client proves itself is tested with the part that decides it.
  const clientAuthentication: ClientAuthentication = {
    async authenticate({ parameters, unknown_client }) {
      const client_id = parameters.get('client_id');
      const client = clients.get(client_id ?? '');
      if (!client && client_id !== undefined && !client_id.includes('://') && unknown_client) throw unknown_client();
      const proof = client && isConfidential(client) ? [...client.client_id].reverse().join('') : undefined;
      if (!client || parameters.get('client_secret') !== proof) throw new AuthError('invalid_client', 'Client authentication failed');
      return client;
    },
  };
  const rotatingTokens = createRotatingTokens({ sealer });
  const dpop = createDpop({ usedProofs, clock, public_url: ISSUER });
  const revocation = createRevocation({
    ...{ refreshTokens, rotation, rotatingTokens, accessTokens, revokedAccessTokens, clientAuthentication, audit },
  });
  const deps: GrantDeps = {
    repositories,
    rotatingTokens,
    accessTokens,
    lastUsed,
    clock,
    audit,
    refresh_token_grace,
    token_exchange_enabled,
    public_url: ISSUER,
    lifetimes: { access_token: 1_800, refresh_token_idle: null, refresh_token: null, ...lifetimes },
  };
  const grants = createGrants(await readRegistry(), deps);
  const clientDirectory = { find: async (client_id: string) => clients.get(client_id) ?? null };
  const introspection = createIntrospection({
    ...{
      clientAuthentication,
      clientDirectory,
      accessTokens,
      refreshTokens,
      rotation,
      rotatingTokens,
      revokedAccessTokens,
      keyring,
      clock,
    },
    ...{ public_url: ISSUER, refresh_token_grace },
  });
  return {
    time,
    events,
    clients,
    rotation,
    rotatingTokens,
    authorizationCodes,
    refreshTokens,
    deviceCodes,
    grants,
    keyring,
    accessTokens,
    lastUsed,
    revocation,
    introspection,
    userinfo: createUserinfo({ accessTokens, refreshTokens, dpop, keyring, clock, issuer: ISSUER }),
    dpop,
    bearer: createBearer({ accessTokens, refreshTokens, clock }),
    codes: createReleasedCodes({ authorizationCodes, clock, lifetime: 600 }),
    issuer,
    endpoint: createTokenEndpoint({ grants, issuer, revocation, clientAuthentication, dpop, public_url: ISSUER }),
    async close() {
      await keyring.close();
      await lastUsed.close();
    },
  };
}

/** Posts a form to the token endpoint: the tokens, or `code: description` of the refusal. */
export async function post(
  parts: TokenParts,
  form: Record<string, string>,
  remote_address = HOME,
  admission = ADMITTED,
  headers: { dpop?: string[] } = {},
) {
  try {
    return await parts.endpoint.answer(new Map(Object.entries(form)), { remote_address, admission, ...headers });
  } catch (error) {
    if (error instanceof AuthError) return error.description === '' ? error.code : `${error.code}: ${error.description}`;
    throw error;
  }
}

/** Redeems a code; a parameter given as undefined is left out. */
export function redeem(parts: TokenParts, code: string, differences: Record<string, string | undefined> = {}, remote_address = HOME) {
  const form = { grant_type: 'authorization_code', client_id: CLIENT, code, ...differences };
  return post(parts, withoutUndefined(form), remote_address);
}

export function refresh(parts: TokenParts, token: string, differences: Record<string, string | undefined> = {}, remote_address = HOME) {
  const form = { grant_type: 'refresh_token', client_id: CLIENT, refresh_token: token, ...differences };
  return post(parts, withoutUndefined(form), remote_address);
}

function withoutUndefined(form: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** A finished login of that user at the local provider, for `codes.issue`. The user must have a login there. */
export async function loginOf(database: Database, user: User, differences: Partial<FinishedLogin> = {}): Promise<FinishedLogin> {
  const credential = await database.kysely.selectFrom('credentials').select('id').where('user_id', '=', user.id).executeTakeFirstOrThrow();
  return {
    client_id: CLIENT,
    redirect_uri: `${CLIENT}/callback`,
    code_challenge: null,
    auth_provider_type: 'homeassistant',
    auth_provider_id: null,
    auth_time: NOON,
    amr: ['pwd'],
    remote_address: HOME,
    subject: { purpose: 'authorize', user_id: user.id, credential_id: credential.id },
    ...differences,
  };
}

/** A confidential client, that everybody may use without consent, unless said otherwise; `parts.clients` must know it. */
export function newClient(differences: Partial<Client> = {}): Client {
  return {
    client_id: 'grafana',
    kind: 'registered',
    require_pkce: true,
    id_token_claims: false,
    claims: {},
    ...{ client_name: 'Grafana', client_uri: null, logo_uri: null, policy_uri: null, tos_uri: null },
    redirect_uris: ['https://grafana.example.com/callback'],
    post_logout_redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['authorization_code', 'refresh_token'],
    response_modes: ['query', 'fragment', 'form_post'],
    scope: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    resources: [],
    ...{ jwks: null, jwks_uri: null },
    id_token_signed_response_alg: 'ES256',
    ...{ access_token_signed_response_alg: 'ES256', userinfo_signed_response_alg: null },
    ...{ default_max_age: null, require_auth_time: false },
    ...{ dpop_bound_access_tokens: false, require_pushed_authorization_requests: false, backchannel_logout_uri: null },
    profile: null,
    trusted: true,
    allowed_group_ids: null,
    ...{ access_token_lifetime: null, refresh_token_idle_lifetime: null, refresh_token_lifetime: null },
    ...differences,
  };
}

/** A normal grant as a row, and its secret. */
export function newGrant(user: User, differences: Partial<NewRefreshToken> = {}): { refresh_token: string; row: NewRefreshToken } {
  const { refresh_token, token_hash } = newRefreshToken();
  const row: NewRefreshToken = {
    id: randomId(),
    user_id: user.id,
    credential_id: null,
    auth_provider_type: 'homeassistant',
    auth_provider_id: null,
    token_type: 'normal',
    client_id: CLIENT,
    client_name: null,
    client_icon: null,
    token_hash,
    access_token_expiration: 1_800,
    idle_lifetime: null,
    expires_at: null,
    created_at: NOON,
    auth_time: NOON,
    amr: ['pwd'],
    last_used_at: null,
    last_used_ip: null,
    ...differences,
  };
  return { refresh_token, row };
}

/** A provider that lets people in from where `refusal` says nothing. */
export function providerThat(
  refusal: AuthProvider['refusal'],
  auth_provider_type = 'homeassistant',
  auth_provider_id: string | null = null,
) {
  const step = () => Promise.reject(new Error('nobody logs in here'));
  const settings = { name: auth_provider_type, support_mfa: true, new_users: 'approve', require_mfa: false } as const;
  return { auth_provider_type, auth_provider_id, ...settings, default_groups: [], refusal, step } satisfies AuthProvider;
}
