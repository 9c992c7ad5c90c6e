// Scopes (RFC 6749 section 3.3): a list internally, space-separated on the wire.

/** The scopes that every server supports (OpenID Connect Core section 5.4, and groups). */
export const STANDARD_SCOPES: readonly string[] = ['openid', 'profile', 'email', 'groups', 'offline_access'];

/**
 * Scopes of this server's JSON API: a person's own account, and administration. Only clients whose
 * operator named them have them; registrations and metadata documents get none.
 */
export const API_SCOPES = { account: 'api:account', admin: 'api:admin' } as const;

/** The scopes that concern a person and that every server has. */
export const BUILT_IN_SCOPES: readonly string[] = [...STANDARD_SCOPES, ...Object.values(API_SCOPES)];

/** A scope defined by the operator. */
export interface ConfiguredScope {
  name: string;
  /** For the consent page: one text, or one by language. */
  description: string | Record<string, string>;
}

/** The distinct scopes of a text; null if it is malformed. */
export function parseScope(text: string): string[] | null {
  const scopes = text.split(' ').filter((scope) => scope !== '');
  return scopes.every(isScope) ? [...new Set(scopes)] : null;
}

/** RFC 6749 section 3.3: printable ASCII without space, quote and backslash. */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(text);
}

/** The claims that a scope stands for (OpenID Connect Core section 5.4). */
export const CLAIMS_OF_SCOPE = {
  profile: ['name', 'preferred_username', 'picture', 'zoneinfo', 'locale', 'updated_at'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
} as const satisfies Record<string, readonly string[]>;

const SCOPE_OF_CLAIM: ReadonlyMap<string, string> = new Map(
  Object.entries(CLAIMS_OF_SCOPE).flatMap(([scope, claims]) => claims.map((claim) => [claim, scope])),
);

/** The scope that a claim belongs to; null if it needs none. */
export function scopeOfClaim(claim: string): string | null {
  return SCOPE_OF_CLAIM.get(claim) ?? null;
}
