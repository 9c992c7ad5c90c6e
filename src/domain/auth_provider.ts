// The contract of an auth provider. A file in src/providers/ exports one AuthProviderType as
// `provider`; its name is the `type`. A provider is a reducer over steps: it keeps no state and
// knows nothing of users, second factors or tokens.

import type { z } from 'zod';
import type { Clock } from './clock.ts';
import type { FormField, FormValues } from './form.ts';
import type { JsonObject } from './json.ts';

/** A configured provider's key: type, and an id where there are several of a type. */
export interface ProviderKey {
  auth_provider_type: string;
  auth_provider_id: string | null;
}

/** The key as text, for maps and SQL statements. */
export function providerKeyText(key: ProviderKey): string {
  return `${key.auth_provider_type}:${key.auth_provider_id ?? ''}`;
}

/** The key in a URL path: the type alone when there is no id. */
export function providerPath({ auth_provider_type, auth_provider_id }: ProviderKey): string {
  return auth_provider_id === null ? auth_provider_type : `${auth_provider_type}:${auth_provider_id}`;
}

/** Maps a group name at the provider to ids of our groups. */
type GroupMapping = Readonly<Record<string, readonly string[]>>;

/** What a provider reports about a person, before the user is resolved. */
export interface Identity {
  /** Unique and stable within this provider instance; identifies the credential. */
  subject: string;
  /**
   * The subject as it was typed, if it differs; credentials of earlier versions are stored under
   * it.
   */
  typed_subject?: string;
  /**
   * Stored with the credential and shown to its owner, e.g. `{ "username": … }`. Never a secret.
   */
  data: JsonObject;
  /** The name for a new user. */
  name: string | null;
  /** The e-mail address that the provider vouches for; null: none. */
  email?: string | null;
  /** Whether the operator trusts the provider to verify addresses. */
  email_verified?: boolean;
  /** An e-mail address that the provider reports without vouching for it. */
  unverified_email?: string | null;
  picture?: string | null;
  locale?: string | null;
  zoneinfo?: string | null;
  /** Group names at the provider, for the `groups` mapping. */
  groups?: string[];
  /** Restricts a new user to the local network. */
  local_only?: boolean;
  /** Ids of our groups for a new user, instead of `default_groups`. */
  group_ids?: string[];
  /** The user, where the provider lets the person choose among our users (trusted_networks). */
  user_id?: string;
  /** Authentication methods (RFC 8176). */
  amr: string[];
}

export type ProviderErrorCode = 'invalid_auth' | 'provider_unavailable';

/**
 * The state of an external step. The provider shows the same step again while this is the flow's
 * state.
 */
export type ExternalState = JsonObject & {
  /**
   * The `state` parameter that the person returns with (RFC 6749 section 4.1.1); see
   * external_state.ts.
   */
  state: string;
};

/** A provider's answer. A wrong password is a form with an error, never an exception. */
export type ProviderStep =
  | {
      type: 'form';
      step_id: string;
      data_schema: FormField[];
      errors: { base?: ProviderErrorCode } | null;
      description_placeholders?: Record<string, string>;
      /** The cause of the error, for the log and the audit event only. */
      detail?: string;
      /** State for the next step; stored with the flow. */
      state?: JsonObject;
    }
  | { type: 'external'; step_id: string; url: string; state: ExternalState }
  | { type: 'abort'; reason: string; detail?: string }
  | { type: 'identity'; identity: Identity };

/** The context of a step. */
export interface StepContext {
  flow_id: string;
  /** The client's address in canonical text form. */
  remote_address: string;
  /** The URL that an external step of this provider returns to. */
  callback_url: string;
  /** Requires a new authentication, even if the person has a session at the provider. */
  reauthenticate?: boolean;
  /**
   * Runs one guess at a secret within the rate limits, which count a false result. Refuses without
   * running it after too many failures; one guess per address at a time. A guess that throws is not
   * counted: throw `unavailable` if it could not be checked.
   */
  attempt(name: string, guess: () => Promise<boolean>): Promise<boolean>;
}

export interface AuthProvider extends ProviderKey {
  name: string;
  /** Whether a login with this provider also requires the user's second factor. */
  support_mfa: boolean;
  /** How a person without a credential is handled. */
  new_users: 'approve' | 'activate' | 'refuse';
  /** Groups of a new user. */
  default_groups: string[];
  /** Maps provider groups to ours; see group_mapping.ts. */
  groups?: GroupMapping | undefined;
  /** Normalizes a group name for comparison; absent: names are compared exactly. */
  normalizeGroupName?: (name: string) => string;
  /** Applies the mapping at each login, not only to new users. */
  sync_groups?: boolean | undefined;
  require_mfa: boolean;
  /** The login itself proves two factors; no second factor is asked for. */
  is_multi_factor?: true;
  /** Has its own entry on our pages and is not listed among the providers. */
  is_unlisted?: true;
  /**
   * Whether the first step leads to another server; a page then waits for a click when there are
   * other providers.
   */
  external?: boolean;
  /**
   * Why this provider refuses an address now; null: it does not. Checked when a flow starts and
   * whenever an access token is issued.
   */
  refusal(remote_address: string): string | null;
  /**
   * One step. `values` is null when the step is to be shown; otherwise it matches the form that was
   * shown, or holds the parameters of an external return, of which only `state` has been checked.
   */
  step(request: { values: FormValues | null; state: JsonObject; context: StepContext }): Promise<ProviderStep>;
}

/** The settings that every provider has besides its own. */
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

/** The properties taken directly from the provider's block. */
export function configuredProvider({ type, id, name, ...config }: CommonProviderConfig, default_name: string) {
  const { new_users, default_groups, groups, sync_groups, require_mfa } = config;
  const key = { auth_provider_type: type, auth_provider_id: id ?? null };
  return { ...key, name: name ?? default_name, new_users, default_groups, groups, sync_groups, require_mfa };
}

/** Bounded password hashing; see secrets/password_hasher.ts. */
export interface PasswordHashing {
  hash(password: string): Promise<string>;
  /** `outdated`: correct, but hashed with older parameters. */
  verify(password: string, hash: string): Promise<{ ok: boolean; outdated: boolean }>;
  /** Takes as long as one verification, for unknown usernames. */
  verifyNothing(password: string): Promise<void>;
}

/** Throws when there was no response. */
export type UpstreamFetch = (
  url: string,
  request: { method: string; headers: Record<string, string>; body: string | undefined; signal: AbortSignal | undefined },
) => Promise<Response>;

/** Dependencies offered to every provider; each uses the few it needs. */
export interface ProviderDeps {
  clock: Clock;
  hasher: PasswordHashing;
  /** Logins of the local provider. */
  localLogins: {
    find(username: string): Promise<{ username: string; password_hash: string } | undefined>;
    /** Replaces a hash if it has not changed since it was read. */
    rehash(change: { username: string; old_hash: string; new_hash: string; now: Date }): Promise<void>;
  };
  /**
   * Active people with their groups (no system users), for providers that let a person choose a
   * user.
   */
  activeUsers(): Promise<{ id: string; name: string | null; is_owner: boolean; group_ids: string[] }[]>;
  trusted_proxies: readonly string[];
  /**
   * A fetch for servers named by the operator. Hosts in `hosts` may have any address, others an
   * internal one only with `allow_private_addresses`. TLS except on loopback; bounded in time and
   * size; no redirects.
   */
  upstreamFetch(options: { hosts: readonly string[]; allow_private_addresses: boolean }): UpstreamFetch;
  /**
   * A bounded queue for expensive work; throws `unavailable` when it is full. See
   * domain/work_queue.ts.
   */
  workQueue(options: { slots: number; queue_limit: number; wait_ms: number }): <T>(work: () => Promise<T>) => Promise<T>;
  /** Logs a problem with an external system. Never include a secret. */
  warn(message: string): void;
}

/** A provider type, exported as `provider` by a file in `src/providers/`. */
export interface AuthProviderType<Config extends CommonProviderConfig = CommonProviderConfig> {
  type: string;
  default_name: string;
  /** The block's own keys, besides the common ones. */
  config: z.ZodObject;
  create(config: Config, deps: ProviderDeps): AuthProvider;
}
