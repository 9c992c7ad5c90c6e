// Access rules of protected hosts: the first matching rule decides; without one, access is denied.
import { AUTHENTICATION_CLASSES, type LoginDemand } from './authentication_class.ts';
import { foldPath, pathNormalizations } from './path_normalizations.ts';

export interface ForwardAuthRule {
  /** In lower case, with the port unless it is the default. */
  host: string;
  /** The rule applies to these paths and everything below; absent: all paths. */
  paths?: readonly string[] | undefined;
  /** Groups with access; absent: everybody who is logged in. */
  groups?: readonly string[] | undefined;
  /** Paths of the rule that are public. */
  public_paths?: readonly string[] | undefined;
  /** The class that a login must have at least (`acr`). */
  acr?: string | undefined;
  /** The maximum age of a login in seconds. */
  max_age?: number | undefined;
  /** Lets CORS preflights pass without a login: browsers send no cookie with them. */
  allow_preflight?: boolean | undefined;
}

/** The rules in each normalization of paths. */
export interface CompiledRules {
  written: readonly ForwardAuthRule[];
  folded: readonly ForwardAuthRule[];
}

/** Compiles the rules once, at start. */
export function compileRules(rules: readonly ForwardAuthRule[]): CompiledRules {
  const folded = rules.map((rule) => ({
    ...rule,
    ...(rule.paths && { paths: rule.paths.map(foldPath) }),
    ...(rule.public_paths && { public_paths: rule.public_paths.map(foldPath) }),
  }));
  return { written: rules, folded };
}

/** The access requirement of a request. */
export interface AccessRequirement {
  /** No login is required. */
  is_public: boolean;
  /** No login is required for a CORS preflight. */
  allows_preflight: boolean;
  /** Membership in one group of each list. */
  groups: readonly (readonly string[])[];
  login: LoginDemand;
}

/**
 * The requirement for a path on a host, over all readings of the path, case-sensitive and not;
 * null: no rule grants access. Each reading can only add requirements.
 */
export function requirementFor({ written, folded }: CompiledRules, host: string, uri: string): AccessRequirement | null {
  const readings = pathNormalizations(uri);
  if (!readings) return null;
  const login: LoginDemand = { acr: null, max_age: null };
  const demand = { is_public: true, allows_preflight: true, groups: new Set<readonly string[]>(), login };
  for (const path of readings) if (!addDemand(demand, written, host, path) || !addDemand(demand, folded, host, foldPath(path))) return null;
  return { ...demand, groups: [...demand.groups] };
}

type Collected = Omit<AccessRequirement, 'groups'> & { groups: Set<readonly string[]> };

/** False if no rule matches the path. */
function addDemand(demand: Collected, rules: readonly ForwardAuthRule[], host: string, path: string): boolean {
  const rule = rules.find((candidate) => candidate.host === host && (!candidate.paths || isBelow(path, candidate.paths)));
  if (!rule) return false;
  demand.allows_preflight &&= rule.allow_preflight === true;
  if (rule.public_paths && isBelow(path, rule.public_paths)) return true;
  demand.is_public = false;
  if (rule.groups) demand.groups.add(rule.groups);
  demand.login = stricter(demand.login, rule);
  return true;
}

function stricter(login: LoginDemand, rule: ForwardAuthRule): LoginDemand {
  const { acr, max_age } = { acr: rule.acr ?? null, max_age: rule.max_age ?? null };
  const rank = (name: string | null) => AUTHENTICATION_CLASSES.indexOf(name ?? '');
  const ages = [login.max_age, max_age].filter((age) => age !== null);
  return { acr: rank(acr) > rank(login.acr) ? acr : login.acr, max_age: ages.length === 0 ? null : Math.min(...ages) };
}

/** The path on a protected host that its proxy routes to this server. */
const OWN_PATH = ['/.latchkey'];

/** Whether every reading of the path is below our own path. */
export function isOwnPath(uri: string): boolean {
  return pathNormalizations(uri)?.every((path) => isBelow(path, OWN_PATH)) === true;
}

/** Whether a member of these groups satisfies the requirement. */
export function satisfiesRequirement(demand: AccessRequirement, group_ids: readonly string[]): boolean {
  return demand.groups.every((any_of) => any_of.some((id) => group_ids.includes(id)));
}

/** `/admin` and what is below it, but not `/administrator`. */
export function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}
