// What an import brings over from another server: people with their logins, second factors and
// grants. Read from files by home_assistant_storage.ts and authelia_users.ts.
import type { ProviderKey } from './auth_provider.ts';
import type { JsonObject } from './json.ts';
import type { Policy } from './policy.ts';
import type { RefreshToken } from './token.ts';

/** Maximum size in bytes of each file, and of an upload. */
export const MAX_IMPORT_SIZE = 32 * 1024 * 1024;

/** A login by username and password. */
export interface ImportedLogin {
  credential_id: string;
  username: string;
  /** As in the file; null: it has none. */
  password_hash: string | null;
}

/** A login by another provider than the local one. */
export interface ImportedCredential extends ProviderKey {
  id: string;
  subject: string;
  data: JsonObject;
}

export type ImportedFactor = { type: 'totp'; secret: string } | { type: 'notify'; service: string; target: string };

/** A grant; `credential_id` names a login of the same person. */
export interface ImportedGrant extends Omit<RefreshToken, 'user_id' | 'amr' | 'auth_time'> {
  token_hash: Buffer | null;
  /** The HS256 key of a long-lived grant's token (HA contract 8.1). */
  jwt_key: string | null;
}

export interface ImportedPerson {
  /** Kept here, so that a second import finds the person. */
  id: string;
  name: string | null;
  is_owner: boolean;
  is_active: boolean;
  system_generated: boolean;
  local_only: boolean;
  group_ids: string[];
  email: string | null;
  picture: string | null;
  login: ImportedLogin | null;
  credentials: ImportedCredential[];
  factors: ImportedFactor[];
  grants: ImportedGrant[];
  /** Why the person cannot come over; null: the file gives no reason. */
  refusal: ImportNote | null;
  notes: ImportNote[];
}

export interface ImportedGroup {
  id: string;
  name: string;
  policy: Policy;
}

export interface ImportSource {
  groups: ImportedGroup[];
  people: ImportedPerson[];
  /** About nobody in particular. */
  notes: ImportNote[];
}

/** Why somebody cannot come over, or what of theirs does not. Its words are in `noteText`. */
export type ImportNote =
  | { code: 'username_invalid'; username: string; detail: string }
  | { code: 'username_taken'; username: string; holder: string }
  | { code: 'username_retired'; username: string }
  | { code: 'username_twice'; username: string }
  | { code: 'identity_taken'; provider: string; holder: string }
  | { code: 'factor_not_configured'; factor: string }
  | { code: 'factor_invalid'; factor: string }
  | { code: 'changed_meanwhile' }
  | { code: 'becomes_administrator' }
  | { code: 'owner_inactive' }
  | { code: 'second_credential'; provider: string; kept: string; dropped: string }
  | { code: 'provider_unknown'; provider: string }
  | { code: 'provider_not_configured'; provider: string }
  | { code: 'credential_invalid'; provider: string }
  | { code: 'no_password'; username: string }
  | { code: 'password_unreadable'; username: string }
  | { code: 'group_unknown'; group: string }
  | { code: 'group_invalid'; group: string }
  | { code: 'group_differs'; group: string }
  | { code: 'group_without_permissions'; group: string }
  | { code: 'group_of_the_system'; group: string }
  | { code: 'notify_service'; service: string }
  | { code: 'tokens_expired'; count: number }
  | { code: 'tokens_unusable'; count: number }
  | { code: 'long_lived_tokens'; names: string }
  | { code: 'login_without_user'; username: string }
  | { code: 'tokens_without_user'; count: number }
  | { code: 'everybody_administrator' }
  | { code: 'old_backups'; count: number }
  | { code: 'no_second_factors' };

type Texts = { [Code in ImportNote['code']]: (note: Extract<ImportNote, { code: Code }>) => string };

const TEXTS: Texts = {
  username_invalid: ({ username, detail }) => `the username "${username}" cannot be used here: ${detail}`,
  username_taken: ({ username, holder }) =>
    `the username "${username}" belongs to ${holder} here: rename one of the two, then import again`,
  username_retired: ({ username }) =>
    `the username "${username}" belonged to another person here, whom apps may still know by it: allow it with --reuse-usernames`,
  username_twice: ({ username }) => `the username "${username}" is there twice`,
  identity_taken: ({ provider, holder }) => `the login by ${provider} belongs to ${holder} here`,
  factor_not_configured: ({ factor }) =>
    `the second factor "${factor}" is not configured here, and without it the password alone would do: add it to auth_mfa_modules`,
  factor_invalid: ({ factor }) => `the second factor "${factor}" cannot be read: set it up again there, or remove it`,
  changed_meanwhile: () => 'somebody took the username or login during the import: import again',
  becomes_administrator: () => 'was the owner; this server has one already, so they become an administrator',
  owner_inactive: () => 'was the owner, but is disabled, so they become a disabled administrator',
  second_credential: ({ provider, kept, dropped }) =>
    `has several logins by ${provider}: "${kept}", used most recently, is kept, "${dropped}" is not`,
  provider_unknown: ({ provider }) => `the login by ${provider} stays behind: there is no such provider here`,
  provider_not_configured: ({ provider }) => `the login by ${provider} works only after that provider is added to auth_providers`,
  credential_invalid: ({ provider }) => `the login by ${provider} stays behind: it does not say whose it is`,
  no_password: ({ username }) => `the login "${username}" has no password: set one`,
  password_unreadable: ({ username }) => `the password of "${username}" is hashed in a way that cannot be checked here: set a new one`,
  group_unknown: ({ group }) => `the group "${group}" does not exist`,
  group_invalid: ({ group }) => `the group "${group}" stays behind: its name or policy is not valid`,
  group_differs: ({ group }) => `the group "${group}" exists here with other permissions, which stay`,
  group_without_permissions: ({ group }) => `the group "${group}" is new and allows nothing yet`,
  group_of_the_system: ({ group }) => `the group "${group}" is built in here and means something else; nobody joins it`,
  notify_service: ({ service }) =>
    `gets codes by "${service}": without a service of that name in auth_mfa_modules, type notify, they cannot log in`,
  tokens_expired: ({ count }) => `${plural(count, 'expired token')} left behind`,
  tokens_unusable: ({ count }) => `${plural(count, 'token')} left behind that cannot be used`,
  long_lived_tokens: ({ names }) => `replace these long-lived tokens, then delete them: ${names}`,
  login_without_user: ({ username }) => `the login "${username}" belongs to no user and stays behind`,
  tokens_without_user: ({ count }) => `${plural(count, 'token or login', 'tokens or logins')} of deleted users left behind`,
  everybody_administrator: () => 'the file is from before there were groups: everybody is an administrator, as it was there',
  old_backups: ({ count }) =>
    `anyone with an old backup of Home Assistant can use the tokens in it, and forge ${plural(count, 'long-lived token')}: replace those soon`,
  no_second_factors: () => 'Authelia keeps second factors elsewhere, so these people log in with the password alone until they set one up',
};

/** A note as part of a sentence. */
export function noteText<Note extends ImportNote>(note: Note): string {
  return (TEXTS[note.code] as (note: Note) => string)(note);
}

function plural(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}
