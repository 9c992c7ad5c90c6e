// The `claims` parameter (OpenID Connect Core section 5.5): requested claims, and values that are
// conditions.

import type { Client } from './client.ts';
import { AuthError } from './errors.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { scopeOfClaim } from './scope.ts';

/** Conditions on the login. */
export interface ClaimConditions {
  /** The person must be one of these (section 5.5.1); null: no condition. */
  subjects: string[] | null;
  /** The login must have one of these classes (section 5.5.1.1); null: no condition. */
  essential_acr: string[] | null;
  /** Preferred classes. */
  voluntary_acr: string[];
}

const NO_CONDITIONS: ClaimConditions = { subjects: null, essential_acr: null, voluntary_acr: [] };
const PLACES = ['id_token', 'userinfo'] as const;

/**
 * Parses the parameter, without claims of scopes that the client may not request. Throws
 * `invalid_request` unless it is an object of objects.
 */
export function readClaims(text: string | null, client: Pick<Client, 'scope'>): JsonObject | null {
  if (text === null) return null;
  const claims = parsed(text);
  if (!isObject(claims) || !Object.values(claims).every(isObject))
    throw new AuthError('invalid_request', 'claims must be an object of objects');
  const isPermitted = ([name]: [string, JsonValue]) => {
    const scope = scopeOfClaim(name);
    return scope === null || client.scope.includes(scope);
  };
  const places = Object.entries(claims).map(([place, named]) => [place, Object.fromEntries(membersOf(named).filter(isPermitted))]);
  return Object.fromEntries(places);
}

/** The scopes that the named claims belong to. */
export function scopesOfClaims(claims: JsonObject | null): string[] {
  const names = Object.values(claims ?? {}).flatMap((named) => membersOf(named).map(([name]) => name));
  return names.map(scopeOfClaim).filter((scope) => scope !== null);
}

/**
 * The conditions of `id_token` and `userinfo` combined. Throws `invalid_request` for impossible
 * values.
 */
export function claimConditions(claims: JsonObject | null): ClaimConditions {
  if (claims === null) return NO_CONDITIONS;
  const wanted = PLACES.map((place) => valuesOf(claims[place], 'sub')).filter((values) => values !== null);
  const acr = PLACES.map((place) => ({ values: valuesOf(claims[place], 'acr'), is_essential: isEssential(claims[place], 'acr') }));
  const essential = acr.flatMap(({ values, is_essential }) => (is_essential && values ? [values] : []));
  return {
    subjects: intersection(wanted),
    essential_acr: intersection(essential),
    voluntary_acr: acr.flatMap(({ values, is_essential }) => (is_essential ? [] : (values ?? []))),
  };
}

/** `value` or `values` of a claim request; null if absent. */
function valuesOf(place: JsonValue | undefined, claim: string): string[] | null {
  const request = isObject(place) ? place[claim] : undefined;
  if (!isObject(request) || (request.value === undefined && request.values === undefined)) return null;
  const values = [request.value === undefined ? request.values : request.value].flat();
  if (values.every((value) => typeof value === 'string')) return values;
  throw new AuthError('invalid_request', `The values of ${claim} in claims must be texts`);
}

function isEssential(place: JsonValue | undefined, claim: string): boolean {
  const request = isObject(place) ? place[claim] : undefined;
  return isObject(request) && request.essential === true;
}

function intersection(lists: readonly string[][]): string[] | null {
  const [first, ...others] = lists;
  return first?.filter((value) => others.every((list) => list.includes(value))) ?? null;
}

function membersOf(value: JsonValue): [string, JsonValue][] {
  return isObject(value) ? Object.entries(value) : [];
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
