// Wires tokens: signing keys, token formats, grants and their endpoints.
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { AuthProvider } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import type { ClientAuthentication } from '../oauth/client_authentication.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import { createIntrospection } from '../oauth/introspection.ts';
import { createRevocation } from '../oauth/revocation.ts';
import { createTokenEndpoint } from '../oauth/token_endpoint.ts';
import { createUserinfo } from '../oauth/userinfo.ts';
import type { Database } from '../postgres/database.ts';
import type { AuthorizationCodeRepository } from '../repository/authorization_codes.ts';
import { createDeviceCodeRepository } from '../repository/device_codes.ts';
import { createRefreshTokenRotationRepository } from '../repository/refresh_token_rotation.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import { createRevokedAccessTokenRepository } from '../repository/revoked_access_tokens.ts';
import { createSigningKeyRepository } from '../repository/signing_keys.ts';
import { createTokenExchangeRepository } from '../repository/token_exchange.ts';
import { createUsedProofRepository } from '../repository/used_proofs.ts';
import { createUserFactsRepository } from '../repository/user_facts.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createAccessTokens } from '../tokens/access_token.ts';
import { createAdmission } from '../tokens/admission.ts';
import { createBearer } from '../tokens/bearer.ts';
import { createDpop } from '../tokens/dpop.ts';
import { createDpopNonces } from '../tokens/dpop_nonce.ts';
import { createIdTokens } from '../tokens/id_token.ts';
import { createIssuer } from '../tokens/issuer.ts';
import { createKeyring } from '../tokens/keyring.ts';
import { createLastUsed } from '../tokens/last_used.ts';
import { createRotatingTokens } from '../tokens/refresh_token.ts';
import { createGrants, type Registry } from './registry.ts';

export interface TokenPartsDeps {
  config: Config;
  log: { error(fields: object, text: string): void };
  database: Database;
  sealer: Sealer;
  clock: Clock;
  audit: Audit;
  public_url: string;
  registry: Registry;
  authorizationCodes: AuthorizationCodeRepository;
  refreshTokens: RefreshTokenRepository;
  providers: ReadonlyMap<string, AuthProvider>;
  clientAuthentication: ClientAuthentication;
  clientDirectory: ClientDirectory;
}

export async function createTokenParts(deps: TokenPartsDeps, closers: { add(closer: () => unknown): void }) {
  const { config, database, clock, audit, public_url, registry, sealer, refreshTokens, clientAuthentication } = deps;
  const lifetimes = lifetimesOf(config);
  const { refresh_token_grace, signing_key_lifetime } = config.tokens;
  const signingKeys = createSigningKeyRepository(database);
  const keyring = await createKeyring({ signingKeys, sealer, clock, audit, signing_key_lifetime });
  closers.add(() => keyring.close());
  const accessTokens = createAccessTokens({ keyring, issuer: public_url, clock });
  const userFacts = createUserFactsRepository(database);
  const idTokens = createIdTokens({ keyring, userFacts, issuer: public_url, clock });
  const issuer = createIssuer({ accessTokens, idTokens });
  const lastUsed = createLastUsed({ refreshTokens, clock });
  closers.add(() => lastUsed.close().catch((err: unknown) => deps.log.error({ err }, 'the last uses were not written')));
  const rotation = createRefreshTokenRotationRepository(database);
  const rotatingTokens = createRotatingTokens({ sealer });
  const revokedAccessTokens = createRevokedAccessTokenRepository(database);
  const deviceCodes = createDeviceCodeRepository(database);
  const grants = createGrants(registry, {
    ...deps,
    ...{ rotation, rotatingTokens, lastUsed, lifetimes, refresh_token_grace, accessTokens },
    deviceCodes,
    tokenExchanges: createTokenExchangeRepository(database),
    token_exchange_enabled: config.token_exchange.enabled,
  });
  const nonces = config.dpop.require_nonce ? createDpopNonces({ sealer, clock }) : null;
  const dpop = createDpop({ usedProofs: createUsedProofRepository(database), clock, public_url, nonces });
  const revocation = createRevocation({ ...deps, rotation, rotatingTokens, accessTokens, revokedAccessTokens });
  const introspection = createIntrospection({
    ...deps,
    ...{ rotation, rotatingTokens, accessTokens, revokedAccessTokens, keyring, refresh_token_grace },
  });
  return {
    accessTokens,
    grants,
    deviceCodes,
    lifetimes,
    keyring,
    issuer,
    lastUsed,
    revocation,
    dpop,
    introspection,
    userFacts,
    userinfo: createUserinfo({ accessTokens, refreshTokens, dpop, clock }),
    bearer: createBearer({ accessTokens, refreshTokens, clock }),
    admissions: createAdmission(deps.providers.values()),
    tokenEndpoint: createTokenEndpoint({ grants, issuer, revocation, clientAuthentication, dpop, public_url }),
  };
}

function lifetimesOf({ tokens }: Config) {
  const { access_token_lifetime, refresh_token_idle_lifetime, refresh_token_lifetime } = tokens;
  return { access_token: access_token_lifetime, refresh_token_idle: refresh_token_idle_lifetime, refresh_token: refresh_token_lifetime };
}
