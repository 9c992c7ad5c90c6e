// Access tokens: JWTs of RFC 9068, minted for an authorization and read back. Reading proves that we said it and that its time has not
// passed; whether the grant behind it still lives is for bearer.ts.
import { randomUUID } from 'node:crypto';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { AccessTokenClaims, Authorization } from '../domain/token.ts';
import type { Keyring } from './keyring.ts';

/** Seconds by which clocks may differ (HA contract 8.3). */
const LEEWAY = 10;

export interface AccessTokenDeps {
  keyring: Pick<Keyring, 'sign' | 'verify'>;
  issuer: string;
  clock: Clock;
}

export type AccessTokens = ReturnType<typeof createAccessTokens>;

export function createAccessTokens({ keyring, issuer, clock }: AccessTokenDeps) {
  return {
    mint(authorization: Authorization): { access_token: string; expires_in: number } {
      const claims = claimsOf(authorization, issuer, epochSeconds(clock()));
      return { access_token: keyring.sign(claims, 'at+jwt'), expires_in: authorization.access_token_expiration };
    },

    /** The claims of an access token of ours that is good now, as far as it can tell itself. */
    read(token: string): AccessTokenClaims | null {
      const verified = keyring.verify(token);
      if (verified?.header.typ !== 'at+jwt' || !isAccessTokenClaims(verified.claims)) return null;
      const { iss, aud, iat, exp } = verified.claims;
      const now = clock().getTime() / 1000;
      return iss === issuer && aud === issuer && exp > now - LEEWAY && iat <= now + LEEWAY ? verified.claims : null;
    },
  };
}

function claimsOf(authorization: Authorization, issuer: string, iat: number): AccessTokenClaims {
  return {
    iss: issuer,
    sub: authorization.user_id,
    aud: issuer,
    exp: iat + authorization.access_token_expiration,
    iat,
    jti: randomUUID(),
    // RFC 9068 asks for one: a token that no client earned was made by us, for its user.
    client_id: authorization.client_id ?? issuer,
    scope: authorization.scope.join(' '),
    auth_time: epochSeconds(authorization.auth_time),
    acr: authenticationClass(authorization.amr),
    amr: authorization.amr,
    refresh_token_id: authorization.refresh_token_id,
  };
}

/** OpenID Connect Core section 2: "0" where nobody proved anything; else how many factors did. */
function authenticationClass(amr: readonly string[]): string {
  if (amr.includes('mfa')) return '2';
  return amr.length > 0 ? '1' : '0';
}

const TEXTS = ['iss', 'sub', 'aud', 'jti', 'client_id', 'scope', 'acr', 'refresh_token_id'] as const;
const NUMBERS = ['exp', 'iat', 'auth_time'] as const;

/** Compared by what we put in, not taken on trust: a later version may sign other things under the same header. */
function isAccessTokenClaims(claims: JsonObject): claims is JsonObject & AccessTokenClaims {
  return (
    TEXTS.every((name) => typeof claims[name] === 'string') &&
    NUMBERS.every((name) => Number.isInteger(claims[name])) &&
    Array.isArray(claims.amr)
  );
}
