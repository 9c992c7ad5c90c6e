// What commands use of the container.
import type { Activity } from '../accounts/activity.ts';
import type { Approvals } from '../accounts/approvals.ts';
import type { Apps } from '../accounts/apps.ts';
import type { Clients } from '../accounts/clients.ts';
import type { Groups } from '../accounts/groups.ts';
import type { Imports } from '../accounts/imports.ts';
import type { LocalLogins } from '../accounts/local_logins.ts';
import type { MergeUsers } from '../accounts/merge_users.ts';
import type { Mfa } from '../accounts/mfa.ts';
import type { Onboarding } from '../accounts/onboarding.ts';
import type { RefreshTokens } from '../accounts/refresh_tokens.ts';
import type { RevokeAll } from '../accounts/revoke_all.ts';
import type { Users } from '../accounts/users.ts';
import type { Config } from '../config/load.ts';
import type { ProviderTest } from '../login/provider_test.ts';
import type { Throttle } from '../login/throttle.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { Keyring } from '../tokens/keyring.ts';

/** Everything below HTTP, over an up-to-date database. */
export interface CliContainer {
  config: Config;
  /** The issuer. */
  public_url: string;
  /** Migrations applied while opening. */
  applied_migrations: readonly string[];
  users: Pick<Users, 'list' | 'create' | 'createSystem' | 'update' | 'approve' | 'decline' | 'delete' | 'handOverOwnership'>;
  mergeUsers: Pick<MergeUsers, 'approveInto'>;
  groups: Pick<Groups, 'reconcile'>;
  imports: Imports;
  clients: Pick<Clients, 'list' | 'get' | 'create' | 'update' | 'remove' | 'rotateSecret'>;
  apps: Pick<Apps, 'register'>;
  approvals: Pick<Approvals, 'pending' | 'decide'>;
  localLogins: Pick<LocalLogins, 'add' | 'setPassword'>;
  refreshTokens: Pick<RefreshTokens, 'list' | 'revoke' | 'revokeAll' | 'createLongLived' | 'createSystem'>;
  revokeAll: RevokeAll;
  mfa: Pick<Mfa, 'list' | 'reset'>;
  keyring: Pick<Keyring, 'list' | 'rotate'>;
  tryProvider: ProviderTest;
  throttle: Pick<Throttle, 'listBans' | 'lift'>;
  audit: Pick<AuditEvents, 'find'>;
  activity: Activity;
  /** Seals with the current secret_key what an earlier one sealed; returns the number of values. */
  resealSecrets(): Promise<number>;
  /** Writes pending data and stops what was started for this command. */
  close(): Promise<void>;
}

/** The server as `serve` uses it. */
export interface RunningApp {
  container: {
    onboarding: Pick<Onboarding, 'isDone' | 'setupToken'>;
    /** Resolves if the embedded database ends unexpectedly. */
    database_gone: Promise<void>;
  };
  /** Starts listening; returns the address. */
  listen(): Promise<string>;
  /** Reports "not ready" to load balancers; requests are still served. */
  drain(): void;
  /** Stops listening and answers requests on open connections, for at most 1.5 s. */
  shed(): Promise<void>;
  /**
   * Stops listening, finishes running requests within 10 seconds, then closes everything.
   * Idempotent.
   */
  close(): Promise<void>;
}
