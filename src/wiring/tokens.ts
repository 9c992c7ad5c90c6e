// Wires tokens: signing keys, token formats, grants and their endpoints.
import type { Config } from '../config/load.ts';
import { createIntrospection } from '../oauth/introspection.ts';
import { createRevocation } from '../oauth/revocation.ts';
import { createTokenEndpoint } from '../oauth/token_endpoint.ts';
import { createUserinfo } from '../oauth/userinfo.ts';
import { createAccessTokens } from '../tokens/access_token.ts';
import { createAdmission } from '../tokens/admission.ts';
import { createBearer } from '../tokens/bearer.ts';
import { createDpop } from '../tokens/dpop.ts';
import { createDpopNonces } from '../tokens/dpop_nonce.ts';
import { createIdTokens } from '../tokens/id_token.ts';
import { createImportedTokens } from '../tokens/imported_token.ts';
import { createIssuer } from '../tokens/issuer.ts';
import { createKeyring } from '../tokens/keyring.ts';
import { createLastUsed } from '../tokens/last_used.ts';
import { createRotatingTokens } from '../tokens/refresh_token.ts';
import type { AccountServices } from './accounts.ts';
import type { Base } from './base.ts';
import type { ClientServices } from './clients.ts';
import type { Closers } from './closers.ts';
import { createGrants } from './registry.ts';

export type TokenServices = Awaited<ReturnType<typeof wireTokens>>;

export async function wireTokens(base: Base, accounts: AccountServices, clients: ClientServices, closers: Closers) {
  const { config, clock, audit, public_url, registry, sealer, repositories } = base;
  const { clientAuthentication, clientDirectory } = clients;
  const { refreshTokens, revokedAccessTokens, rotation, signingKeys, usedProofs, userFacts } = repositories;
  const lifetimes = lifetimesOf(config);
  const { refresh_token_grace, signing_key_lifetime } = config.tokens;
  const keyring = await createKeyring({ signingKeys, sealer, clock, audit, signing_key_lifetime });
  closers.add(() => keyring.close());
  const accessTokens = createAccessTokens({ keyring, issuer: public_url, clock });
  const importedTokens = createImportedTokens({ refreshTokens, sealer, issuer: public_url, clock });
  const idTokens = createIdTokens({ keyring, userFacts, issuer: public_url, clock });
  const issuer = createIssuer({ accessTokens, idTokens, keyring });
  const lastUsed = createLastUsed({ refreshTokens, clock });
  closers.add(() => lastUsed.close().catch((err: unknown) => base.log.error({ err }, 'last use of refresh tokens not written')));
  const rotatingTokens = createRotatingTokens({ sealer });
  const grants = createGrants(registry, {
    repositories,
    rotatingTokens,
    accessTokens,
    lastUsed,
    clock,
    audit,
    lifetimes,
    refresh_token_grace,
    token_exchange_enabled: config.token_exchange.enabled,
    public_url,
  });
  const nonces = config.dpop.require_nonce ? createDpopNonces({ sealer, clock }) : null;
  const dpop = createDpop({ usedProofs, clock, public_url, nonces });
  const revocation = createRevocation({
    refreshTokens,
    rotation,
    rotatingTokens,
    accessTokens,
    revokedAccessTokens,
    clientAuthentication,
    audit,
  });
  const introspection = createIntrospection({
    clientAuthentication,
    clientDirectory,
    accessTokens,
    refreshTokens,
    rotation,
    rotatingTokens,
    revokedAccessTokens,
    keyring,
    clock,
    public_url,
    refresh_token_grace,
  });
  return {
    accessTokens,
    importedTokens,
    grants,
    lifetimes,
    keyring,
    idTokens,
    issuer,
    lastUsed,
    revocation,
    dpop,
    introspection,
    userinfo: createUserinfo({ accessTokens, refreshTokens, dpop, keyring, clock, issuer: public_url }),
    bearer: createBearer({ accessTokens, importedTokens, refreshTokens, clock }),
    admissions: createAdmission(accounts.providers.values()),
    tokenEndpoint: createTokenEndpoint({ grants, issuer, revocation, clientAuthentication, dpop, public_url }),
  };
}

function lifetimesOf({ tokens }: Config) {
  const { access_token_lifetime, refresh_token_idle_lifetime, refresh_token_lifetime } = tokens;
  return { access_token: access_token_lifetime, refresh_token_idle: refresh_token_idle_lifetime, refresh_token: refresh_token_lifetime };
}
