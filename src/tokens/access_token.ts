// Access tokens (JWTs of RFC 9068). Reading checks signature and expiry; bearer.ts checks whether
// the grant is still valid.

import { randomUUID } from 'node:crypto';
import { authenticationClass } from '../domain/authentication_class.ts';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import type { AccessTokenClaims, Authorization } from '../domain/token.ts';
import type { Keyring } from './keyring.ts';

/** Where the client asks for no other; its key always exists. */
export const ACCESS_TOKEN_ALGORITHM = 'ES256';
/** Tolerated clock difference in seconds (HA contract 8.3). */
const LEEWAY = 10;

export interface AccessTokenDeps {
  keyring: Pick<Keyring, 'sign' | 'verify'>;
  issuer: string;
  clock: Clock;
}

export type AccessTokens = ReturnType<typeof createAccessTokens>;

export function createAccessTokens({ keyring, issuer, clock }: AccessTokenDeps) {
  return {
    /** In the client's algorithm, for which the keyring must be ready. */
    mint(authorization: Authorization): { access_token: string; expires_in: number } {
      const claims = claimsOf(authorization, issuer, epochSeconds(clock()));
      const algorithm = authorization.client?.access_token_signed_response_alg ?? ACCESS_TOKEN_ALGORITHM;
      return { access_token: keyring.sign(claims, 'at+jwt', algorithm), expires_in: authorization.access_token_expiration };
    },

    /**
     * The claims of a valid access token of this issuer, for this server or, with `for_anyone`, any
     * audience.
     */
    read(token: string, { for_anyone = false } = {}): AccessTokenClaims | null {
      const verified = keyring.verify(token);
      if (verified?.header.typ !== 'at+jwt' || !isAccessTokenClaims(verified.claims)) return null;
      const { iss, aud, iat, exp } = verified.claims;
      const now = clock().getTime() / 1000;
      const is_for_us = for_anyone || [aud].flat().includes(issuer);
      return iss === issuer && is_for_us && exp > now - LEEWAY && iat <= now + LEEWAY ? verified.claims : null;
    },
  };
}

function claimsOf(authorization: Authorization, issuer: string, iat: number): AccessTokenClaims {
  const { user_id, refresh_token_id, auth_time, amr, resource, dpop_jkt } = authorization;
  // RFC 9068 section 2.2 requires a client_id: a token without a client was issued by the server
  // for its user.
  const client_id = authorization.client_id ?? issuer;
  return {
    iss: issuer,
    sub: user_id ?? clientSubject(client_id),
    aud: audience(resource) ?? issuer,
    exp: iat + authorization.access_token_expiration,
    iat,
    jti: randomUUID(),
    client_id,
    scope: authorization.scope.join(' '),
    ...(auth_time !== null && { auth_time: epochSeconds(auth_time), acr: authenticationClass(amr), amr }),
    ...(refresh_token_id !== null && { refresh_token_id }),
    ...(dpop_jkt !== null && { cnf: { jkt: dpop_jkt } }),
    ...(authorization.act && { act: authorization.act }),
  };
}

/** When the token is refused everywhere. */
export function expiryOf({ exp }: Pick<AccessTokenClaims, 'exp'>): Date {
  return new Date((exp + LEEWAY) * 1000);
}

/** Distinct from all user ids (RFC 9700 section 4.15). */
function clientSubject(client_id: string): string {
  return `client:${client_id}`;
}

function audience([only, ...others]: readonly string[]): string | string[] | undefined {
  return only === undefined || others.length === 0 ? only : [only, ...others];
}

const TEXTS = ['iss', 'sub', 'jti', 'client_id', 'scope'] as const;
const NUMBERS = ['exp', 'iat'] as const;

/** Checked, since a later version may sign other claims under the same header. */
function isAccessTokenClaims(claims: JsonObject): claims is JsonObject & AccessTokenClaims {
  const { aud, auth_time, acr, amr, refresh_token_id, cnf, act } = claims;
  return (
    TEXTS.every((name) => typeof claims[name] === 'string') &&
    NUMBERS.every((name) => Number.isInteger(claims[name])) &&
    (isText(aud) || isTexts(aud)) &&
    (refresh_token_id === undefined || isText(refresh_token_id)) &&
    (cnf === undefined || isConfirmation(cnf)) &&
    (act === undefined || isObject(act)) &&
    (auth_time === undefined || (Number.isInteger(auth_time) && isText(acr) && isTexts(amr)))
  );
}

function isText(value: JsonValue | undefined): boolean {
  return typeof value === 'string';
}

function isTexts(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isConfirmation(value: JsonValue): boolean {
  return isObject(value) && isText(value.jkt);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
