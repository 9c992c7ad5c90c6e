// What it takes to be let through to a protected host: the first rule that fits decides, and where none does, nobody is.
import { pathReadings } from './path_readings.ts';

export interface ForwardAuthRule {
  /** In lower case, with its port where that is not the usual one. */
  host: string;
  /** It speaks of these paths and what is below them; absent: of all. */
  paths?: readonly string[] | undefined;
  /** Members of any of these may in; absent: everybody who is logged in. */
  groups?: readonly string[] | undefined;
  /** Of its paths, those that everybody may see. */
  public_paths?: readonly string[] | undefined;
}

/** What a request demands of whoever sends it. */
export interface Demand {
  /** Nobody needs to be logged in. */
  is_public: boolean;
  /** Of each of these lists, membership in one group. */
  groups: readonly (readonly string[])[];
}

/** What the rules demand for a path on a host, whichever way the path is read; null: no rule lets anybody through. */
export function demandOf(rules: readonly ForwardAuthRule[], host: string, uri: string): Demand | null {
  const readings = pathReadings(uri);
  if (!readings) return null;
  const groups = new Set<readonly string[]>();
  let is_public = true;
  for (const path of readings) {
    const rule = rules.find((rule) => rule.host === host && (!rule.paths || isBelow(path, rule.paths)));
    if (!rule) return null;
    if (rule.public_paths && isBelow(path, rule.public_paths)) continue;
    is_public = false;
    if (rule.groups) groups.add(rule.groups);
  }
  return { is_public, groups: [...groups] };
}

/** Whether a member of these groups satisfies it. */
export function isMetBy(demand: Demand, group_ids: readonly string[]): boolean {
  return demand.groups.every((any_of) => any_of.some((id) => group_ids.includes(id)));
}

/** `/admin` and what is below it, but not `/administrator`. */
export function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}
