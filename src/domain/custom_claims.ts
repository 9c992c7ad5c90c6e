// Claims that the operator defines for one client: a fixed value, or a value by group, for apps
// that expect a role or a policy under a name of their own.
import { z } from 'zod';
import type { JsonObject, JsonValue } from './json.ts';
import { CLAIMS_OF_SCOPE } from './scope.ts';

/** The same for everybody, or of the first of these groups that a person is in; else no claim. */
export type CustomClaim = { value: JsonValue } | { groups: Record<string, JsonValue> };
export type CustomClaims = Record<string, CustomClaim>;

const MAX_CLAIMS = 20;
const MAX_GROUPS = 100;
/** In JSON characters; ID tokens are limited in length. */
const MAX_SIZE = 4096;

/** Names that JWT, OpenID Connect and this server give a meaning. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp', 'nonce', 'auth_time', 'acr', 'amr', 'at_hash', 'c_hash', 's_hash', 'sid'],
  ...['cnf', 'act', 'may_act', 'scope', 'client_id', 'events', 'sub_jwk', 'sub_id', 'refresh_token_id', 'active', 'username', 'token_type'],
  ...Object.values(CLAIMS_OF_SCOPE).flat(),
]);

const claimName = z
  .string()
  .regex(/^[A-Za-z][\x21\x23-\x5b\x5d-\x7e]{0,127}$/, 'must be a claim name: a letter, then printable ASCII')
  .refine((name) => !RESERVED.has(name), 'is a reserved claim name');

const claimValue = z.json().refine((value) => value !== null, 'must not be null');

/** By claim name. */
export const customClaims = z
  .record(
    claimName,
    z
      .strictObject({ value: claimValue.optional(), groups: z.record(z.string().min(1).max(64), claimValue).optional() })
      .refine(({ value, groups }) => (value === undefined) !== (groups === undefined), 'must have either value or groups')
      .refine(({ groups = {} }) => Object.keys(groups).length <= MAX_GROUPS, `must have at most ${MAX_GROUPS} groups`)
      .transform((claim) => claim as CustomClaim),
  )
  .refine((claims) => Object.keys(claims).length <= MAX_CLAIMS, `must have at most ${MAX_CLAIMS} claims`)
  .refine((claims) => JSON.stringify(claims).length <= MAX_SIZE, `must have at most ${MAX_SIZE} characters as JSON`);

/** The claims of a person in these groups. */
export function customClaimsOf(claims: CustomClaims, group_ids: readonly string[]): JsonObject {
  const told: JsonObject = {};
  for (const [name, claim] of Object.entries(claims)) {
    const group = 'groups' in claim ? Object.keys(claim.groups).find((id) => group_ids.includes(id)) : undefined;
    const value = 'groups' in claim ? claim.groups[group ?? ''] : claim.value;
    if (value !== undefined) told[name] = value;
  }
  return told;
}

/** The groups that the claims name, each with its path. */
export function groupsOfClaims(claims: CustomClaims): { id: string; path: string[] }[] {
  return Object.entries(claims).flatMap(([name, claim]) =>
    'groups' in claim ? Object.keys(claim.groups).map((id) => ({ id, path: ['claims', name, 'groups', id] })) : [],
  );
}
