// Reads the people, groups and logins of Home Assistant's `.storage` (HA contract 2.5), by the
// rules by which Home Assistant loads it. Their grants are in home_assistant_grants.ts.
import { grantsOf } from './home_assistant_grants.ts';
import { type AuthFile, readStorageFile, refuseStorage, type StorageFiles } from './home_assistant_schema.ts';
import type {
  ImportedCredential,
  ImportedFactor,
  ImportedGroup,
  ImportedLogin,
  ImportedPerson,
  ImportNote,
  ImportSource,
} from './import_source.ts';
import { type Policy, SYSTEM_POLICIES } from './policy.ts';
import { isPolicy } from './policy_schema.ts';
import { isPicture } from './profile.ts';
import { cleanText, foldCase, pythonStrip } from './text.ts';
import { ADMIN_GROUP } from './user.ts';

const MAX_NAME_LENGTH = 256;
const GROUP_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;
/** 80 to 320 bits in base32. */
const TOTP_SECRET = /^[A-Z2-7]{16,64}$/;

type User = AuthFile['users'][number];
type Credential = AuthFile['credentials'][number];

/** A login of a person, before it is sorted by provider. */
type ReadLogin = { credential: Credential; subject: string };

/**
 * Reads the files. Throws `invalid_format` with file and path for what Home Assistant never writes.
 * `now`: for expiry.
 */
export function readHomeAssistantStorage(files: StorageFiles, now: Date): ImportSource {
  const auth = readStorageFile(files, 'auth') ?? refuseStorage('auth', 'the file', 'is missing');
  requireUnique(auth);
  const read = {
    passwords: readPasswords(files, auth),
    totp: readStorageFile(files, 'auth_module.totp')?.users ?? {},
    notify: readStorageFile(files, 'auth_module.notify')?.users ?? {},
    pictures: readPictures(files),
    credentials: groupBy(auth.credentials, ({ user_id }) => user_id),
    tokens: groupBy(auth.refresh_tokens, ({ user_id }) => user_id),
    last_use: lastUse(auth),
    now,
  };
  const { groups, notes, groupIdsOf } = readGroups(auth);
  const people = auth.users.map((user) => personOf(user, groupIdsOf(user), read));
  return { groups, people, notes: [...notes, ...leftBehind(auth, people, read.passwords)] };
}

type Read = {
  passwords: ReadonlyMap<string, string[]>;
  totp: Record<string, string>;
  notify: Record<string, { notify_service: string | null; target: string | null }>;
  pictures: ReadonlyMap<string, string>;
  credentials: ReadonlyMap<string, Credential[]>;
  tokens: ReadonlyMap<string, AuthFile['refresh_tokens']>;
  last_use: ReadonlyMap<string, string>;
  now: Date;
};

function personOf(user: User, group_ids: { ids: string[]; notes: ImportNote[] }, read: Read): ImportedPerson {
  const { id, is_owner, is_active, system_generated, local_only } = user;
  const notes = [...group_ids.notes];
  // A machine never logs in.
  const logins = system_generated ? [] : oneForEachProvider((read.credentials.get(id) ?? []).flatMap(loginOf(id, notes)), read, notes);
  const factors = system_generated ? [] : factorsOf(id, read);
  const { grants, notes: token_notes } = grantsOf(read.tokens.get(id) ?? [], { user, logins: keptBy(id, logins, read), now: read.now });
  const local = logins.find(({ credential }) => isLocal(credential));
  return {
    id,
    name: cleanText(user.name ?? '', MAX_NAME_LENGTH) || null,
    is_owner,
    is_active,
    system_generated,
    local_only,
    group_ids: is_owner ? [...new Set([ADMIN_GROUP, ...group_ids.ids])] : group_ids.ids,
    email: null,
    picture: read.pictures.get(id) ?? null,
    login: local ? passwordLogin(local, read) : null,
    credentials: logins.filter(({ credential }) => !isLocal(credential)).map(credentialOf),
    factors: factors.flatMap((factor) => factor.found ?? []),
    grants,
    refusal: refusalOf(local, factors, read),
    notes: [...notes, ...token_notes],
  };
}

function isLocal({ auth_provider_type, auth_provider_id }: Credential): boolean {
  return auth_provider_type === 'homeassistant' && auth_provider_id === null;
}

/** With what its provider knows the person by; custom providers have no counterpart. */
function loginOf(user_id: string, notes: ImportNote[]) {
  return (credential: Credential): ReadLogin[] => {
    const { auth_provider_type: provider, data } = credential;
    if (!['homeassistant', 'command_line', 'trusted_networks'].includes(provider)) {
      notes.push({ code: 'provider_unknown', provider: cleanText(provider) });
      return [];
    }
    const subject = provider === 'trusted_networks' ? data.user_id : data.username;
    const is_usable =
      typeof subject === 'string' &&
      pythonStrip(subject) !== '' &&
      subject.length <= 256 &&
      (provider !== 'trusted_networks' || subject === user_id) &&
      (provider !== 'homeassistant' || isLocal(credential));
    if (!is_usable) notes.push({ code: 'credential_invalid', provider });
    return is_usable ? [{ credential, subject: pythonStrip(subject) }] : [];
  };
}

/** Design of this server: one login for each provider; the one used last is kept. */
function oneForEachProvider(logins: readonly ReadLogin[], { last_use }: Read, notes: ImportNote[]): ReadLogin[] {
  const used = ({ credential }: ReadLogin) => last_use.get(credential.id) ?? '';
  return [...groupBy(logins, ({ credential }) => providerOf(credential))].flatMap(([provider, same]) => {
    const kept = same.reduce((best, one) => (used(one) >= used(best) ? one : best));
    for (const { subject } of same.filter((one) => one !== kept))
      notes.push({ code: 'second_credential', provider, kept: cleanText(kept.subject), dropped: cleanText(subject) });
    return [kept];
  });
}

/** By the id of every login of the person, dropped ones included, the one that stays. */
function keptBy(user_id: string, logins: readonly ReadLogin[], { credentials }: Read): ReadonlyMap<string, Credential> {
  const of_provider = new Map(logins.map(({ credential }) => [providerOf(credential), credential]));
  return new Map(
    (credentials.get(user_id) ?? []).flatMap((credential) => {
      const kept = of_provider.get(providerOf(credential));
      return kept ? [[credential.id, kept] as const] : [];
    }),
  );
}

function providerOf({ auth_provider_type, auth_provider_id }: Credential): string {
  return auth_provider_id === null ? auth_provider_type : `${auth_provider_type}:${auth_provider_id}`;
}

function credentialOf({ credential, subject }: ReadLogin): ImportedCredential {
  const { id, auth_provider_type, auth_provider_id } = credential;
  const name = subject.normalize('NFC');
  const data: ImportedCredential['data'] = auth_provider_type === 'trusted_networks' ? { user_id: name } : { username: name };
  return { id, auth_provider_type, auth_provider_id, subject: name, data };
}

function passwordLogin({ credential, subject }: ReadLogin, { passwords }: Read): ImportedLogin {
  return { credential_id: credential.id, username: subject, password_hash: passwords.get(foldedName(subject))?.[0] ?? null };
}

/** As Home Assistant compares usernames. */
function foldedName(username: string): string {
  return foldCase(pythonStrip(username)).normalize('NFC');
}

function readPasswords(files: StorageFiles, { credentials }: AuthFile): Read['passwords'] {
  const logins = readStorageFile(files, 'auth_provider.homeassistant');
  if (!logins && credentials.some(isLocal)) refuseStorage('auth_provider.homeassistant', 'the file', 'is missing');
  const by_name = groupBy(logins?.users ?? [], ({ username }) => foldedName(username));
  return new Map([...by_name].map(([name, entries]) => [name, entries.map(({ password }) => password)]));
}

/** Only addresses that others can load; those of Home Assistant itself need its login. */
function readPictures(files: StorageFiles): Map<string, string> {
  const items = readStorageFile(files, 'person')?.items ?? [];
  return new Map(items.flatMap(({ user_id, picture }) => (user_id && picture && isPicture(picture) ? [[user_id, picture] as const] : [])));
}

/** By credential, when a grant of it was used or made last, as comparable text. */
function lastUse({ refresh_tokens }: AuthFile): Map<string, string> {
  const uses = new Map<string, string>();
  for (const { credential_id, last_used_at, created_at } of refresh_tokens) {
    const at = Date.parse(last_used_at ?? created_at ?? '');
    if (credential_id === null || Number.isNaN(at)) continue;
    const text = new Date(at).toISOString();
    if (text > (uses.get(credential_id) ?? '')) uses.set(credential_id, text);
  }
  return uses;
}

/** A second factor, or its name if it cannot be read. */
type ReadFactor = { found: ImportedFactor; broken?: never } | { found?: never; broken: string };

function factorsOf(user_id: string, { totp, notify }: Read): ReadFactor[] {
  const secret = Object.hasOwn(totp, user_id) ? totp[user_id] : undefined;
  const route = Object.hasOwn(notify, user_id) ? notify[user_id] : undefined;
  const factors: ReadFactor[] = [];
  if (secret !== undefined) factors.push(TOTP_SECRET.test(secret) ? { found: { type: 'totp', secret } } : { broken: 'totp' });
  if (route?.notify_service) factors.push({ found: { type: 'notify', service: route.notify_service, target: route.target ?? '' } });
  return factors;
}

/** Two entries of one username may be two people; a factor that is lost would open the account. */
function refusalOf(local: ReadLogin | undefined, factors: readonly ReadFactor[], { passwords }: Read): ImportNote | null {
  const is_double = local && (passwords.get(foldedName(local.subject))?.length ?? 0) > 1;
  if (is_double) return { code: 'username_twice', username: cleanText(local.subject) };
  const broken = factors.find((factor) => factor.broken !== undefined);
  return broken?.broken === undefined ? null : { code: 'factor_invalid', factor: broken.broken };
}

/**
 * Custom groups, and the groups of each user. Files of old releases have no groups, or a single one
 * without a policy: their people are administrators (HA contract 2.5).
 */
function readGroups({ groups: read }: AuthFile) {
  const known = new Set(Object.keys(SYSTEM_POLICIES));
  const custom = read.filter(({ id }) => !known.has(id));
  const without_policy = custom.filter(({ policy }) => policy === undefined || policy === null);
  const with_policy = custom.filter((group) => !without_policy.includes(group));
  const are_all_administrators = read.length === 0;
  const legacy_admin_id = with_policy.length === 0 && custom.length === read.length ? without_policy.at(-1)?.id : undefined;
  const valid = with_policy.filter(({ id, policy }) => GROUP_ID.test(id) && isPolicy(policy));
  const notes = with_policy
    .filter((group) => !valid.includes(group))
    .map(({ id, name }): ImportNote => ({ code: 'group_invalid', group: cleanText(name ?? id) }));
  for (const { id } of valid) known.add(id);
  const groups = valid.map(({ id, name, policy }) => ({
    id,
    name: cleanText(name ?? id, MAX_NAME_LENGTH) || id,
    policy: policy as Policy,
  }));
  return {
    groups: groups satisfies ImportedGroup[],
    notes: are_all_administrators ? [...notes, { code: 'everybody_administrator' } as const] : notes,
    groupIdsOf({ group_ids, system_generated }: User): { ids: string[]; notes: ImportNote[] } {
      if (are_all_administrators) return { ids: system_generated ? [] : [ADMIN_GROUP], notes: [] };
      const ids = [...new Set(group_ids.map((id) => (id === legacy_admin_id ? ADMIN_GROUP : id)))];
      const unknown = ids.filter((id) => !known.has(id));
      return { ids: ids.filter((id) => known.has(id)), notes: unknown.map((id) => ({ code: 'group_unknown', group: cleanText(id) })) };
    },
  };
}

/** Logins that were never used, and what belonged to users deleted since. */
function leftBehind(auth: AuthFile, people: readonly ImportedPerson[], passwords: Read['passwords']): ImportNote[] {
  const ids = new Set(people.map(({ id }) => id));
  const used = new Set(auth.credentials.filter(isLocal).map(({ data }) => foldedName(String(data.username))));
  const count = [...auth.refresh_tokens, ...auth.credentials].filter(({ user_id }) => !ids.has(user_id)).length;
  const unused = [...passwords.keys()].filter((username) => !used.has(username));
  return [
    ...unused.map((username): ImportNote => ({ code: 'login_without_user', username: cleanText(username) })),
    ...(count > 0 ? [{ code: 'tokens_without_user', count } as const] : []),
  ];
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Ids are keys here, and two owners would be a way to become one. */
function requireUnique({ users, credentials, refresh_tokens }: AuthFile): void {
  for (const [list, items] of Object.entries({ users, credentials, refresh_tokens })) {
    const seen = new Set<string>();
    items.forEach(({ id }, index) => {
      if (seen.has(id)) refuseStorage('auth', `data.${list}[${index}].id`, 'is there twice');
      seen.add(id);
    });
  }
  const owners = users.flatMap(({ is_owner }, index) => (is_owner ? [index] : []));
  if (owners.length > 1) refuseStorage('auth', `data.users[${owners[1]}].is_owner`, 'there is another owner');
  const machine = users.findIndex(({ is_owner, system_generated }) => is_owner && system_generated);
  if (machine >= 0) refuseStorage('auth', `data.users[${machine}].is_owner`, 'a system user cannot be the owner');
}
