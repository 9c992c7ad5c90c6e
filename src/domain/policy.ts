// Permission policies: what groups carry, how several merge, and what the result allows. The
// owner's bypass is the caller's. Home Assistant's merge and check rules (HA contract), for any
// category: only `true` allows, and nothing denies.

/**
 * A node of the rule tree. `null` means undecided; it results from merging and is refused in input.
 */
type PolicyValue = true | null | { readonly [key: string]: PolicyValue };

/** A group's permissions: category -> rules. Absent means denied. */
export type Policy = { readonly [category: string]: PolicyValue };

/**
 * The object of a check: its ids under the names that its category looks up, e.g. `{ entity_id,
 * device_id, area_id }`.
 */
export type PolicyObject = { readonly [member: string]: string | null | undefined };

/** Whether the policy allows `key` (read, control, edit, …) on `object` within `category`. */
export type PolicyCheck = (category: string, object: PolicyObject, key: string) => boolean;

const ALL = 'all';

/** The policies of the three groups that always exist, by group id. */
export const SYSTEM_POLICIES: { readonly [group_id: string]: Policy } = {
  'system-admin': { entities: true },
  'system-users': { entities: true },
  'system-read-only': { entities: { all: { read: true } } },
};

// The area is the device's area; an entity's own area does not count (HA contract 13.1).
const ENTITY_LOOKUPS: readonly [subcategory: string, (object: PolicyObject) => string | null | undefined][] = [
  ['entity_ids', (object) => object.entity_id],
  ['device_ids', (object) => object.device_id],
  ['area_ids', (object) => object.area_id],
  ['domains', (object) => object.domain ?? object.entity_id?.split('.', 1)[0]],
];

/** Merges the policies of several groups: the most permissive value wins at every depth. */
export function mergePolicies(policies: readonly Policy[]): Policy {
  return mergeObjects(policies);
}

/** Compiles a policy for repeated checks. */
export function compilePolicy(policy: Policy): PolicyCheck {
  const checks = new Map(Object.entries(policy).map(([category, value]) => [category, compileCategory(category, value)]));
  return (category, object, key) => checks.get(category)?.(object, key) ?? false;
}

/** Whether the policy allows `key` on every object of the category. */
export function accessAll(policy: Policy, category: string, key: string): boolean {
  const value = member(policy, category);
  return value === true || allows(member(value, ALL), key);
}

function mergeObjects(sources: readonly { readonly [key: string]: PolicyValue }[]): { readonly [key: string]: PolicyValue } {
  const keys = new Set(sources.flatMap((source) => Object.keys(source)));
  return Object.fromEntries([...keys].map((key) => [key, mergeValues(sources.map((source) => member(source, key)))]));
}

function mergeValues(values: readonly PolicyValue[]): PolicyValue {
  if (values.includes(true)) return true;
  const objects = values.filter((value) => value !== true && value !== null);
  return objects.length === 0 ? null : mergeObjects(objects);
}

function compileCategory(category: string, value: PolicyValue): (object: PolicyObject, key: string) => boolean {
  if (value === true) return () => true;
  const lookups = category === 'entities' ? ENTITY_LOOKUPS : genericLookups(value);
  // A sub-category that is `true` allows the whole category (HA contract 13.1).
  if ([...lookups.map(([name]) => name), ALL].some((name) => member(value, name) === true)) return () => true;
  const all = member(value, ALL);
  const present = lookups.map(([name, idOf]) => ({ rules: member(value, name), idOf })).filter(({ rules }) => rules !== null);
  // Rules only allow, so any one that allows decides.
  return (object, key) => present.some(({ rules, idOf }) => allows(member(rules, idOf(object)), key)) || allows(all, key);
}

function genericLookups(value: PolicyValue): typeof ENTITY_LOOKUPS {
  const names = value === true || value === null ? [] : Object.keys(value).filter((name) => name !== ALL);
  return names.map((name) => [name, (object) => (Object.hasOwn(object, name) ? object[name] : undefined)]);
}

function allows(value: PolicyValue, key: string): boolean {
  return value === true || member(value, key) === true;
}

/**
 * An own property of a rule object; null if absent. Inherited names such as `constructor` do not
 * count.
 */
function member(value: PolicyValue, name: string | null | undefined): PolicyValue {
  if (value === true || value === null || typeof name !== 'string' || !Object.hasOwn(value, name)) return null;
  return value[name] ?? null;
}
