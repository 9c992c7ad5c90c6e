// Claims about a person: by granted scopes (OpenID Connect Core section 5.4) and by individually
// requested names (section 5.5). Unknown values are omitted.
import { epochSeconds } from '../domain/clock.ts';
import { type CustomClaims, customClaimsOf } from '../domain/custom_claims.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import { CLAIMS_OF_SCOPE, scopeOfClaim } from '../domain/scope.ts';
import type { UserFacts } from '../repository/user_facts.ts';

type ClaimName = (typeof CLAIMS_OF_SCOPE)[keyof typeof CLAIMS_OF_SCOPE][number];

/** Where a claim was requested by name. */
export type ClaimsTarget = 'id_token' | 'userinfo';

/**
 * The claims requested for the target, and with `with_scopes` those of the scopes and the
 * operator's own.
 */
export function userClaims(
  scope: readonly string[],
  claims: JsonObject | null,
  place: ClaimsTarget,
  facts: UserFacts,
  // OpenID Connect Core section 5.4: if an access token is issued, scope claims are userinfo's.
  with_scopes = place === 'userinfo',
  custom: CustomClaims = {},
): JsonObject {
  const named = namedClaims(claims, place);
  const told: JsonObject = {};
  for (const [name, value] of Object.entries(customClaimsOf(custom, facts.group_ids)))
    if (with_scopes || named.includes(name)) told[name] = value;
  for (const [name, value] of Object.entries(known(facts))) {
    const is_asked = named.includes(name) || (with_scopes && scope.includes(scopeOfClaim(name) ?? ''));
    if (is_asked && value !== null) told[name] = value;
  }
  return told;
}

/** The names requested for one target of the `claims` parameter. */
function namedClaims(claims: JsonObject | null, place: ClaimsTarget): string[] {
  const named = claims?.[place];
  return typeof named === 'object' && named !== null && !Array.isArray(named) ? Object.keys(named) : [];
}

/** Whether claims about the person are requested for the target; `custom`: the operator's own. */
export function namesUserClaims(claims: JsonObject | null, place: ClaimsTarget, custom: CustomClaims = {}): boolean {
  const all: readonly string[] = [...Object.values(CLAIMS_OF_SCOPE).flat(), ...Object.keys(custom)];
  return namedClaims(claims, place).some((name) => all.includes(name));
}

/** Whether one of the scopes has claims about the person. */
export function namesClaimsOfUser(scope: readonly string[]): boolean {
  return scope.some((name) => name in CLAIMS_OF_SCOPE);
}

function known({ name, username, picture, zoneinfo, locale, ...facts }: UserFacts): Record<ClaimName, JsonValue> {
  const { email, email_verified, group_ids, created_at } = facts;
  return {
    name,
    preferred_username: username,
    picture,
    zoneinfo,
    locale,
    updated_at: epochSeconds(created_at),
    email,
    email_verified: email === null ? null : email_verified,
    groups: group_ids,
  };
}
