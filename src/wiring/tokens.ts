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
import type { Repositories } from './repositories.ts';

export interface TokenWiringDeps {
  config: Config;
  log: { error(fields: object, text: string): void };
  sealer: Sealer;
  clock: Clock;
  audit: Audit;
  public_url: string;
  registry: Registry;
  repositories: Repositories;
  providers: ReadonlyMap<string, AuthProvider>;
  clientAuthentication: ClientAuthentication;
  clientDirectory: ClientDirectory;
}

export async function wireTokens(deps: TokenWiringDeps, closers: { add(closer: () => unknown): void }) {
  const { config, clock, audit, public_url, registry, sealer, repositories, clientAuthentication } = deps;
  const { authorizationCodes, deviceCodes, refreshTokens, revokedAccessTokens, rotation } = repositories;
  const { signingKeys, tokenExchanges, usedProofs, userFacts } = repositories;
  const lifetimes = lifetimesOf(config);
  const { refresh_token_grace, signing_key_lifetime } = config.tokens;
  const keyring = await createKeyring({ signingKeys, sealer, clock, audit, signing_key_lifetime });
  closers.add(() => keyring.close());
  const accessTokens = createAccessTokens({ keyring, issuer: public_url, clock });
  const idTokens = createIdTokens({ keyring, userFacts, issuer: public_url, clock });
  const issuer = createIssuer({ accessTokens, idTokens });
  const lastUsed = createLastUsed({ refreshTokens, clock });
  closers.add(() => lastUsed.close().catch((err: unknown) => deps.log.error({ err }, 'the last uses were not written')));
  const rotatingTokens = createRotatingTokens({ sealer });
  const grants = createGrants(registry, {
    ...deps,
    ...{ authorizationCodes, refreshTokens, rotation, rotatingTokens, lastUsed, lifetimes, refresh_token_grace, accessTokens },
    deviceCodes,
    tokenExchanges,
    token_exchange_enabled: config.token_exchange.enabled,
  });
  const nonces = config.dpop.require_nonce ? createDpopNonces({ sealer, clock }) : null;
  const dpop = createDpop({ usedProofs, clock, public_url, nonces });
  const revocation = createRevocation({ ...deps, refreshTokens, rotation, rotatingTokens, accessTokens, revokedAccessTokens });
  const introspection = createIntrospection({
    ...deps,
    ...{ refreshTokens, rotation, rotatingTokens, accessTokens, revokedAccessTokens, keyring, refresh_token_grace },
  });
  return {
    accessTokens,
    grants,
    lifetimes,
    keyring,
    issuer,
    lastUsed,
    revocation,
    dpop,
    introspection,
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
