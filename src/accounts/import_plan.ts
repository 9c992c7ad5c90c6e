// Decides who comes over in an import, from the files and what is here. Changes nothing; a dry run
// and the import itself follow the same plan.
import { providerKeyText } from '../domain/auth_provider.ts';
import { AuthError } from '../domain/errors.ts';
import type { ImportedFactor, ImportedGroup, ImportedPerson, ImportNote, ImportSource } from '../domain/import_source.ts';
import { newUsername } from '../domain/local_login.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { cleanText } from '../domain/text.ts';
import { type Holder, type ImportFacts, type ImportQuestions, identityKey } from '../repository/imports.ts';
import { readableHash } from '../secrets/password_hasher.ts';

export interface ImportOptions {
  /** Leaves all tokens behind, so that everybody logs in again. */
  without_tokens: boolean;
  /** Allows usernames that belonged to other people here. */
  reuse_usernames: boolean;
}

/** What of this server decides an import, besides the database. */
export interface ImportTargets {
  /** `providerKeyText` of every configured provider. */
  providers: ReadonlySet<string>;
  mfa_modules: readonly { id: string; type: string }[];
}

/** `import`: comes over. `present`: is here from an earlier import. */
export interface PlannedPerson {
  person: ImportedPerson;
  outcome: 'import' | 'present' | 'refused';
  reason: ImportNote | null;
  notes: ImportNote[];
  /** The username; null if one is made up from the name. */
  username: string | null;
}

export interface ImportPlan {
  people: PlannedPerson[];
  new_groups: ImportedGroup[];
  notes: ImportNote[];
}

/** What has to be known before planning. */
export function questionsOf({ people, groups }: ImportSource): ImportQuestions {
  const usernames = people.flatMap(({ login }) => (login ? (usernameOf(login.username).username ?? []) : []));
  return {
    user_ids: people.map(({ id }) => id),
    usernames,
    identities: [...people.flatMap(({ credentials }) => credentials), ...usernames.map((subject) => ({ ...LOCAL_PROVIDER, subject }))],
    group_ids: [...groups.map(({ id }) => id), ...people.flatMap(({ group_ids }) => group_ids)],
  };
}

/** The owner first, then in the order of the file. */
export function planImport(source: ImportSource, facts: ImportFacts, targets: ImportTargets, options: ImportOptions): ImportPlan {
  const here = new Map(facts.groups.map((group) => [group.id, group]));
  const new_groups = source.groups.filter(({ id }) => !here.has(id));
  const notes = [...source.notes, ...groupNotes(source.groups, here)];
  const known_groups = new Set([...here.keys(), ...new_groups.map(({ id }) => id)]);
  const decide = decider(facts, targets, options, known_groups);
  const people = [...source.people].sort((a, b) => Number(b.is_owner) - Number(a.is_owner)).map(decide);
  const count = people
    .flatMap(({ person, outcome }) => (outcome === 'import' ? person.grants : []))
    .filter(({ jwt_key }) => jwt_key).length;
  return { people, new_groups, notes: count > 0 ? [...notes, { code: 'old_backups', count }] : notes };
}

function groupNotes(groups: readonly ImportedGroup[], here: ReadonlyMap<string, { policy: object }>): ImportNote[] {
  return groups.flatMap(({ id, name, policy }): ImportNote[] => {
    const found = here.get(id);
    if (found) return isSame(found.policy, policy) || Object.keys(policy).length === 0 ? [] : [{ code: 'group_differs', group: name }];
    return Object.keys(policy).length === 0 ? [{ code: 'group_without_permissions', group: name }] : [];
  });
}

/** Whatever the order of their keys; policies contain `true` and objects only. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [one, other] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return one.size === other.size && [...one].every(([key, value]) => other.has(key) && isSame(value, other.get(key)));
}

function decider(facts: ImportFacts, targets: ImportTargets, options: ImportOptions, known_groups: ReadonlySet<string>) {
  const present = new Set(facts.user_ids);
  const usernames = new Map(facts.usernames.map((holder) => [holder.key, holder]));
  const retired = new Map(facts.retired.map((holder) => [holder.key, holder.user_id]));
  const identities = new Map(facts.identities.map((holder) => [holder.key, holder]));
  const seen = new Set<string>();

  function refusalOf(person: ImportedPerson, username: string | null): ImportNote | null {
    const missing = person.factors.find((factor) => !moduleOf(factor, targets));
    if (missing) return { code: 'factor_not_configured', factor: missing.type };
    if (username !== null) {
      const holder = usernames.get(username) ?? identities.get(identityKey({ ...LOCAL_PROVIDER, subject: username }));
      if (holder && holder.user_id !== person.id) return { code: 'username_taken', username, holder: labelOf(holder) };
      const former = retired.get(username);
      if (former !== undefined && former !== person.id && !options.reuse_usernames) return { code: 'username_retired', username };
      if (seen.has(username)) return { code: 'username_twice', username };
    }
    for (const credential of person.credentials) {
      const key = identityKey(credential);
      const holder = identities.get(key);
      // Their own, if a parallel import has brought them since.
      if (holder && holder.user_id !== person.id)
        return { code: 'identity_taken', provider: credential.auth_provider_type, holder: labelOf(holder) };
      if (seen.has(key)) return { code: 'identity_taken', provider: credential.auth_provider_type, holder: 'somebody before in this file' };
    }
    return null;
  }

  return (person: ImportedPerson): PlannedPerson => {
    if (present.has(person.id)) return { person, outcome: 'present', reason: null, notes: [], username: null };
    const { username = null, issue = null } = person.login ? usernameOf(person.login.username) : {};
    const reason = issue ?? person.refusal ?? refusalOf(person, username);
    if (reason) return { person, outcome: 'refused', reason, notes: person.notes, username };
    for (const key of [...(username === null ? [] : [username]), ...person.credentials.map(identityKey)]) seen.add(key);
    const adapted = adapt(person, facts, options, known_groups);
    const notes = [...person.notes, ...notesOf(person, adapted, targets, known_groups)];
    return { person: adapted, outcome: 'import', reason: null, notes, username };
  };
}

/** As the person arrives on this server. */
function adapt(person: ImportedPerson, facts: ImportFacts, options: ImportOptions, known_groups: ReadonlySet<string>): ImportedPerson {
  const password_hash = readableHash(person.login?.password_hash ?? '');
  return {
    ...person,
    is_owner: person.is_owner && person.is_active && !facts.owner_exists,
    group_ids: person.group_ids.filter((id) => known_groups.has(id)),
    login: person.login && { ...person.login, password_hash },
    grants: options.without_tokens ? [] : person.grants,
  };
}

function notesOf(
  before: ImportedPerson,
  after: ImportedPerson,
  { providers }: ImportTargets,
  known_groups: ReadonlySet<string>,
): ImportNote[] {
  const notes: ImportNote[] = [];
  if (before.is_owner && !after.is_owner) notes.push({ code: before.is_active ? 'becomes_administrator' : 'owner_inactive' });
  if (before.login && after.login?.password_hash === null) {
    const username = cleanText(before.login.username);
    notes.push({ code: before.login.password_hash === null ? 'no_password' : 'password_unreadable', username });
  }
  for (const group of before.group_ids.filter((id) => !known_groups.has(id))) notes.push({ code: 'group_unknown', group });
  const logins = [...after.credentials, ...(after.login ? [LOCAL_PROVIDER] : [])];
  for (const key of logins.filter((login) => !providers.has(providerKeyText(login))))
    notes.push({ code: 'provider_not_configured', provider: key.auth_provider_type });
  for (const factor of after.factors)
    if (factor.type === 'notify') notes.push({ code: 'notify_service', service: cleanText(factor.service) });
  const names = after.grants.filter(({ jwt_key }) => jwt_key !== null).map(({ client_name }) => `"${client_name}"`);
  if (names.length > 0) notes.push({ code: 'long_lived_tokens', names: cleanText(names.join(', '), 1000) });
  return notes;
}

/** The module that checks a factor here. */
export function moduleOf({ type }: ImportedFactor, { mfa_modules }: Pick<ImportTargets, 'mfa_modules'>) {
  return mfa_modules.find((module) => module.type === type);
}

function usernameOf(text: string): { username?: string; issue?: ImportNote } {
  try {
    return { username: newUsername(text) };
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    return { issue: { code: 'username_invalid', username: cleanText(text), detail: error.description } };
  }
}

function labelOf({ name, user_id }: Holder): string {
  return cleanText(name ?? '') || user_id || 'a login without a user';
}
