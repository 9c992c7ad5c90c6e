// What it takes to be let through to a protected host: the first rule that fits decides, and where none does, nobody is.
import { foldPath, pathNormalizations } from './path_normalizations.ts';

export interface ForwardAuthRule {
  /** In lower case, with its port where that is not the usual one. */
  host: string;
  /** It speaks of these paths and what is below them; absent: of all. */
  paths?: readonly string[] | undefined;
  /** Members of any of these may in; absent: everybody who is logged in. */
  groups?: readonly string[] | undefined;
  /** Of its paths, those that everybody may see. */
  public_paths?: readonly string[] | undefined;
  /** CORS preflights pass without a login: browsers send no cookie with them. */
  allow_preflight?: boolean | undefined;
}

/** The rules in each form in which paths are compared with them. */
export interface CompiledRules {
  written: readonly ForwardAuthRule[];
  folded: readonly ForwardAuthRule[];
}

/** Compiled once, at start. */
export function compileRules(rules: readonly ForwardAuthRule[]): CompiledRules {
  const folded = rules.map((rule) => ({
    ...rule,
    ...(rule.paths && { paths: rule.paths.map(foldPath) }),
    ...(rule.public_paths && { public_paths: rule.public_paths.map(foldPath) }),
  }));
  return { written: rules, folded };
}

/** What a request demands of whoever sends it. */
export interface AccessRequirement {
  /** Nobody needs to be logged in. */
  is_public: boolean;
  /** Nor for a CORS preflight. */
  allows_preflight: boolean;
  /** Of each of these lists, membership in one group. */
  groups: readonly (readonly string[])[];
}

/**
 * What the rules demand for a path on a host, whichever way the path is read, with case and without; null: no rule lets anybody through.
 * Each reading adds to the demand, none takes away from it.
 */
export function requirementFor({ written, folded }: CompiledRules, host: string, uri: string): AccessRequirement | null {
  const readings = pathNormalizations(uri);
  if (!readings) return null;
  const demand = { is_public: true, allows_preflight: true, groups: new Set<readonly string[]>() };
  for (const path of readings) if (!addDemand(demand, written, host, path) || !addDemand(demand, folded, host, foldPath(path))) return null;
  return { ...demand, groups: [...demand.groups] };
}

type Collected = Omit<AccessRequirement, 'groups'> & { groups: Set<readonly string[]> };

/** False where no rule is about the path. */
function addDemand(demand: Collected, rules: readonly ForwardAuthRule[], host: string, path: string): boolean {
  const rule = rules.find((candidate) => candidate.host === host && (!candidate.paths || isBelow(path, candidate.paths)));
  if (!rule) return false;
  demand.allows_preflight &&= rule.allow_preflight === true;
  if (rule.public_paths && isBelow(path, rule.public_paths)) return true;
  demand.is_public = false;
  if (rule.groups) demand.groups.add(rule.groups);
  return true;
}

/** What is below this path of a protected host is ours: its proxy sends it here. */
const OWN_PATH = ['/.latchkey'];

/** Whether every reading of the path is below our own. */
export function isOwnPath(uri: string): boolean {
  return pathNormalizations(uri)?.every((path) => isBelow(path, OWN_PATH)) === true;
}

/** Whether a member of these groups satisfies it. */
export function satisfiesRequirement(demand: AccessRequirement, group_ids: readonly string[]): boolean {
  return demand.groups.every((any_of) => any_of.some((id) => group_ids.includes(id)));
}

/** `/admin` and what is below it, but not `/administrator`. */
export function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}
