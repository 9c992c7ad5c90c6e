// Permission policies as data: what groups carry, how several become one, and what the one allows. The owner's "everything" is decided by the caller.
// Home Assistant's merge and check rules (HA contract), opened to any category: only `true` ever allows, nothing ever takes away.

/** A node of the rule tree. `null` has no opinion; it comes out of a merge and is refused in what people write. */
type PolicyValue = true | null | { readonly [key: string]: PolicyValue };

/** What a group may do: category -> rules. Absent means denied. */
export type Policy = { readonly [category: string]: PolicyValue };

/** The thing asked about: its ids under the names its category looks up, e.g. `{ entity_id, device_id, area_id }`. */
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

// The area is the device's area: one that is set on the entity itself does not count (HA contract 13.1).
const ENTITY_LOOKUPS: readonly [subcategory: string, (object: PolicyObject) => string | null | undefined][] = [
  ['entity_ids', (object) => object.entity_id],
  ['device_ids', (object) => object.device_id],
  ['area_ids', (object) => object.area_id],
  ['domains', (object) => object.domain ?? object.entity_id?.split('.', 1)[0]],
];

/** The one policy of someone in several groups: the most permissive value wins, at every depth. */
export function mergePolicies(policies: readonly Policy[]): Policy {
  return mergeObjects(policies);
}

/** Prepares a policy for many questions. */
export function compilePolicy(policy: Policy): PolicyCheck {
  const checks = new Map(Object.entries(policy).map(([category, value]) => [category, compileCategory(category, value)]));
  return (category, object, key) => checks.get(category)?.(object, key) ?? false;
}

/** Whether the policy allows `key` on every object of the category, whatever it is. */
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
  // A sub-category that is plainly true allows the whole category (HA contract 13.1).
  if ([...lookups.map(([name]) => name), ALL].some((name) => member(value, name) === true)) return () => true;
  const all = member(value, ALL);
  const present = lookups.map(([name, idOf]) => ({ rules: member(value, name), idOf })).filter(({ rules }) => rules !== null);
  // An opinion is per key and never a "no", so any one that allows decides.
  return (object, key) => present.some(({ rules, idOf }) => allows(member(rules, idOf(object)), key)) || allows(all, key);
}

function genericLookups(value: PolicyValue): typeof ENTITY_LOOKUPS {
  const names = value === true || value === null ? [] : Object.keys(value).filter((name) => name !== ALL);
  return names.map((name) => [name, (object) => (Object.hasOwn(object, name) ? object[name] : undefined)]);
}

function allows(value: PolicyValue, key: string): boolean {
  return value === true || member(value, key) === true;
}

/** A member of a rule object; null where there is none. Names like `constructor` are only names. */
function member(value: PolicyValue, name: string | null | undefined): PolicyValue {
  if (value === true || value === null || typeof name !== 'string' || !Object.hasOwn(value, name)) return null;
  return value[name] ?? null;
}
