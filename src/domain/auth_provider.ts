// The contract of an auth provider: a way to prove who you are. A file in src/providers/ exports one AuthProviderType as `provider`; its name is the `type`.
// A provider is a reducer over steps. It knows nothing of users, second factors, codes or tokens, and keeps no state of its own.

import type { z } from 'zod';
import type { Clock } from './clock.ts';
import type { FormField, FormValues } from './form.ts';
import type { JsonObject } from './json.ts';

/** A configured provider's name: type and id; several of a type are told apart by the id. */
export interface ProviderKey {
  auth_provider_type: string;
  auth_provider_id: string | null;
}

/** The key as one text, for maps and for statements that take a list of providers. */
export function providerKeyText(key: ProviderKey): string {
  return `${key.auth_provider_type}:${key.auth_provider_id ?? ''}`;
}

/** The key as it stands in a path: the type alone where there is no id. */
export function providerPath({ auth_provider_type, auth_provider_id }: ProviderKey): string {
  return auth_provider_id === null ? auth_provider_type : `${auth_provider_type}:${auth_provider_id}`;
}

/** By a group's name at the provider, the ids of our groups that its members are in. */
type GroupMapping = Readonly<Record<string, readonly string[]>>;

/** What a provider found out about a person, before we know which user that is. */
export interface Identity {
  /** Unique and stable within this provider instance; what the credential is found by. */
  subject: string;
  /** The subject as it was typed, where it is a typed name: credentials of earlier versions are stored under that. */
  typed_subject?: string;
  /** Kept with the credential and shown to its owner, e.g. `{ "username": … }`. Never a secret. */
  data: JsonObject;
  /** The name a new user gets. */
  name: string | null;
  /** The address that the provider vouches for; null: none. */
  email?: string | null;
  /** Whether the operator trusts the provider in that: a person's own entry proves nothing. */
  email_verified?: boolean;
  /** An address that the provider states and vouches for in no way. */
  unverified_email?: string | null;
  picture?: string | null;
  locale?: string | null;
  zoneinfo?: string | null;
  /** Groups as the provider names them, for the `groups` mapping. */
  groups?: string[];
  /** A new user may be restricted to the local network. */
  local_only?: boolean;
  /** Our own groups for a new user, where the provider names one itself; otherwise `default_groups`. */
  group_ids?: string[];
  /** The user this is, where the provider picks among our users itself (trusted_networks). */
  user_id?: string;
  /** How the person proved it: values of RFC 8176. */
  amr: string[];
}

export type ProviderErrorCode = 'invalid_auth' | 'provider_unavailable';

/** What is kept of a step that leads elsewhere. The provider shows the same step again as long as this is the flow's state. */
export type ExternalState = JsonObject & {
  /** The `state` that the person comes back with (RFC 6749 section 4.1.1); see external_state.ts. */
  state: string;
};

/** What a provider answers. A wrong password is a form with an error, never an exception. */
export type ProviderStep =
  | {
      type: 'form';
      step_id: string;
      data_schema: FormField[];
      errors: { base?: ProviderErrorCode } | null;
      description_placeholders?: Record<string, string>;
      /** Why it is an error, for the log and the audit event alone. */
      detail?: string;
      /** What the next step must know; kept in the flow's row. */
      state?: JsonObject;
    }
  | { type: 'external'; step_id: string; url: string; state: ExternalState }
  | { type: 'abort'; reason: string; detail?: string }
  | { type: 'identity'; identity: Identity };

/** What a step may know of its surroundings. */
export interface StepContext {
  flow_id: string;
  /** Canonical text of the client's address. */
  remote_address: string;
  /** Where an external step of this provider comes back to. */
  callback_url: string;
  /** Whether the person must prove who they are now, whatever session they have at the provider. */
  reauthenticate?: boolean;
  /**
   * Runs one guess at a secret under the limits on guessing: refuses before `guess` runs when too many failed,
   * counts a false answer against the address and against `name`, and never runs two for one address at once.
   * A guess that throws is not counted: throw `unavailable` when nobody could say whether it was right.
   */
  attempt(name: string, guess: () => Promise<boolean>): Promise<boolean>;
}

export interface AuthProvider extends ProviderKey {
  name: string;
  /** Whether a login here is followed by the user's second factor. */
  support_mfa: boolean;
  /** What becomes of a person no credential knows. */
  new_users: 'approve' | 'activate' | 'refuse';
  /** Groups of a new user. */
  default_groups: string[];
  /** What its groups are among ours; see group_mapping.ts. */
  groups?: GroupMapping | undefined;
  /** One text for all spellings of a group's name at this provider; absent: names are compared exactly. */
  normalizeGroupName?: (name: string) => string;
  /** Whether the mapping is applied again at each login, not only to new users. */
  sync_groups?: boolean | undefined;
  require_mfa: boolean;
  /** A login here is proven twice over already, and no second factor is asked for. */
  is_multi_factor?: true;
  /** Offered by our pages in their own way, and named in no list of providers. */
  is_unlisted?: true;
  /** Whether its first step leads elsewhere: where there are other ways in, a page asks before it goes there. */
  external?: boolean;
  /** Why this provider lets nobody in from that address, now; null: it does. Asked at the start and at every minting of an access token. */
  refusal(remote_address: string): string | null;
  /**
   * One step. `values` is null whenever the flow's step is shown; otherwise it fits the form that was shown,
   * or is what came back from elsewhere, `state` among it: that came back to this flow, of the rest nothing is known.
   */
  step(request: { values: FormValues | null; state: JsonObject; context: StepContext }): Promise<ProviderStep>;
}

/** The settings every provider has, beside its own. */
export interface CommonProviderConfig {
  type: string;
  id?: string | undefined;
  name?: string | undefined;
  new_users: 'approve' | 'activate' | 'refuse';
  default_groups: string[];
  groups?: GroupMapping | undefined;
  sync_groups?: boolean | undefined;
  require_mfa: boolean;
}

/** The part of a provider that its block says as it stands. */
export function configuredProvider({ type, id, name, ...config }: CommonProviderConfig, default_name: string) {
  const { new_users, default_groups, groups, sync_groups, require_mfa } = config;
  const key = { auth_provider_type: type, auth_provider_id: id ?? null };
  return { ...key, name: name ?? default_name, new_users, default_groups, groups, sync_groups, require_mfa };
}

/** Hashing of passwords, bounded; see repository/password_hash.ts. */
export interface PasswordHashing {
  hash(password: string): Promise<string>;
  /** `outdated`: right, and worth hashing again with today's parameters. */
  verify(password: string, hash: string): Promise<{ ok: boolean; outdated: boolean }>;
  /** The work of one verification, for names nobody has. */
  verifyNothing(password: string): Promise<void>;
}

/** Throws when nothing answered. */
export type UpstreamFetch = (
  url: string,
  request: { method: string; headers: Record<string, string>; body: string | undefined; signal: AbortSignal | undefined },
) => Promise<Response>;

/** What the parts below hand to providers; each uses the few it needs. */
export interface ProviderDeps {
  clock: Clock;
  hasher: PasswordHashing;
  /** The local provider's logins. */
  localLogins: {
    find(username: string): Promise<{ username: string; password_hash: string } | undefined>;
    /** Replaces a hash, if it is still the one that was read. */
    rehash(change: { username: string; old_hash: string; new_hash: string; now: Date }): Promise<void>;
  };
  /** Active people (no system users), with their groups, for providers that pick among our users. */
  activeUsers(): Promise<{ id: string; name: string | null; is_owner: boolean; group_ids: string[] }[]>;
  trusted_proxies: readonly string[];
  /**
   * For servers that an operator named: `hosts` may lie anywhere, others inside only where `allow_private_addresses`.
   * Encrypted but on this machine, bounded in time and size, no redirect followed. See oauth/upstream_fetch.ts.
   */
  upstreamFetch(options: { hosts: readonly string[]; allow_private_addresses: boolean }): UpstreamFetch;
  /** Heavy work in a few slots, with a short queue before them; it throws `unavailable` to what finds no place. See repository/work_queue.ts. */
  workQueue(options: { slots: number; queue_limit: number; wait_ms: number }): <T>(work: () => Promise<T>) => Promise<T>;
  /** Tells the operator what is wrong outside; never with a secret in it. */
  warn(message: string): void;
}

/** One kind of provider: what `src/providers/<type>.ts` exports as `provider`. */
export interface AuthProviderType<Config extends CommonProviderConfig = CommonProviderConfig> {
  type: string;
  default_name: string;
  /** The block's own keys, beside the common ones. */
  config: z.ZodObject;
  create(config: Config, deps: ProviderDeps): AuthProvider;
}
