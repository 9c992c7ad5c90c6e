// Long-lived access tokens signed by Home Assistant, for imported grants (HA contract 8.1 and 8.3):
// HS256 with a key of the grant's own, which no other grant has. Our own tokens never get here.
import { createHmac } from 'node:crypto';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import { safeEqual } from '../domain/secret.ts';
import type { AccessTokenClaims } from '../domain/token.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createSignatureCache } from './signature_cache.ts';

/** The headers that PyJWT writes, encoded: since version 2.4, and before. */
const HEADERS = ['{"alg":"HS256","typ":"JWT"}', '{"typ":"JWT","alg":"HS256"}'].map(
  (header) => `${Buffer.from(header).toString('base64url')}.`,
);
/** Longer tokens are refused without parsing. */
const MAX_TOKEN_LENGTH = 8192;
/** Tolerated clock difference in seconds. */
const LEEWAY = 10;

export interface ImportedTokenDeps {
  refreshTokens: Pick<RefreshTokenRepository, 'findJwtKey'>;
  sealer: Pick<Sealer, 'open'>;
  /** Ours, since these tokens name no audience and are for this server. */
  issuer: string;
  clock: Clock;
}

/** What a token proves, in the claims of our own. */
export type ImportedClaims = Pick<AccessTokenClaims, 'sub' | 'aud' | 'jti' | 'scope' | 'cnf'> & { refresh_token_id: string };

export type ImportedTokens = ReturnType<typeof createImportedTokens>;

/** Whether the token has the form of Home Assistant's. Costs a comparison of its first bytes. */
export function isImportedToken(token: string): boolean {
  return HEADERS.some((header) => token.startsWith(header));
}

/** The column of a grant's sealed key. */
export function jwtKeyPlace(id: string) {
  return { table: 'refresh_tokens', column: 'jwt_key', id };
}

export function createImportedTokens({ refreshTokens, sealer, issuer, clock }: ImportedTokenDeps) {
  const verified_tokens = createSignatureCache();

  /** With the user as `sub`; null for a wrong signature, undefined if no key is known. */
  async function verify(token: string, iss: string): Promise<JsonObject | null | undefined> {
    const [found] = await refreshTokens.findJwtKey({ id: iss });
    if (found && !found.jwt_key) return undefined;
    const key = found?.jwt_key ? sealer.open(found.jwt_key, jwtKeyPlace(iss)) : null;
    return verified_tokens.claimsOf(token, () =>
      found && key && isSignedWith(key, token) ? { ...claimsOf(token), sub: found.user_id } : null,
    );
  }

  return {
    /**
     * What a valid token proves; null for any other. The grant and its user are the caller's to
     * check. One statement for the first use of a token in this process, then none.
     */
    async read(token: string): Promise<ImportedClaims | null> {
      const iss = issuerOf(token);
      if (iss === null) return null;
      const claims = verified_tokens.known(token) ?? (await verify(token, iss));
      if (!claims || !isTimely(claims, epochSeconds(clock()))) return null;
      return { sub: String(claims.sub), aud: issuer, jti: iss, scope: '', refresh_token_id: iss };
    },

    /**
     * Whether no key of an imported grant signed it. The short access tokens that apps still hold
     * from Home Assistant name an imported grant without a key: these are not forged.
     */
    async isForged(token: string): Promise<boolean> {
      const iss = issuerOf(token);
      return iss === null || (verified_tokens.known(token) ?? (await verify(token, iss))) === null;
    },
  };
}

/** The grant that a token names; null if it is malformed or for another audience. */
function issuerOf(token: string): string | null {
  if (token.length > MAX_TOKEN_LENGTH || !isImportedToken(token)) return null;
  const { iss, iat, exp, nbf, aud } = claimsOf(token);
  const has_times = Number.isFinite(iat) && Number.isFinite(exp) && (nbf === undefined || Number.isFinite(nbf));
  return typeof iss === 'string' && /^[0-9a-f]{32}$/.test(iss) && has_times && aud === undefined ? iss : null;
}

function isTimely({ exp, iat, nbf = 0 }: JsonObject, now: number): boolean {
  return Number(exp) > now - LEEWAY && Number(iat) <= now + LEEWAY && Number(nbf) <= now + LEEWAY;
}

/** Empty unless the payload is a JSON object. */
function claimsOf(token: string): JsonObject {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split('.', 2)[1] ?? '', 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}

/** Compares in constant time; only the canonical encoding of a signature is accepted. */
function isSignedWith(key: Buffer, token: string): boolean {
  const end = token.lastIndexOf('.');
  const signature = createHmac('sha256', key).update(token.slice(0, end)).digest('base64url');
  return safeEqual(token.slice(end + 1), signature);
}
