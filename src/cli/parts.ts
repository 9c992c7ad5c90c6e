// What commands use of the server's parts. app.ts builds them; these are the few functions that the command line calls.
import type { Approvals } from '../accounts/approvals.ts';
import type { Clients } from '../accounts/clients.ts';
import type { Groups } from '../accounts/groups.ts';
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
export interface CliParts {
  config: Config;
  /** The issuer. */
  public_url: string;
  /** The names of the migrations that opening these parts has run. */
  applied_migrations: readonly string[];
  users: Pick<Users, 'list' | 'create' | 'createSystem' | 'update' | 'approve' | 'delete' | 'handOverOwnership'>;
  mergeUsers: Pick<MergeUsers, 'approveInto'>;
  groups: Pick<Groups, 'reconcile'>;
  clients: Pick<Clients, 'list' | 'get' | 'create' | 'remove' | 'rotateSecret'>;
  approvals: Pick<Approvals, 'pending' | 'decide'>;
  localLogins: Pick<LocalLogins, 'add' | 'setPassword'>;
  refreshTokens: Pick<RefreshTokens, 'list' | 'revoke' | 'revokeAll' | 'createLongLived' | 'createSystem'>;
  revokeAll: RevokeAll;
  mfa: Pick<Mfa, 'list' | 'reset'>;
  keyring: Pick<Keyring, 'list' | 'rotate'>;
  tryProvider: ProviderTest;
  throttle: Pick<Throttle, 'listBans' | 'lift'>;
  audit: Pick<AuditEvents, 'find'>;
  /** Seals with the current secret_key what a previous one sealed; answers how many values. */
  resealSecrets(): Promise<number>;
  /** Writes what is left to write, and stops what was started for this command. */
  close(): Promise<void>;
}

/** The whole server as `serve` sees it. */
export interface RunningApp {
  parts: {
    onboarding: Pick<Onboarding, 'isDone' | 'setupToken'>;
    /** Resolves if the embedded database ends without being asked to. */
    database_gone: Promise<void>;
  };
  /** Starts listening; answers the address. */
  listen(): Promise<string>;
  /** From here on balancers are told to send nobody any more; everybody is still served. */
  drain(): void;
  /** Stops listening and answers what still comes on open connections, for 1.5 s at the most. */
  shed(): Promise<void>;
  /** Stops listening, answers what is under way within 10 seconds, then ends every part. Idempotent. */
  close(): Promise<void>;
}
