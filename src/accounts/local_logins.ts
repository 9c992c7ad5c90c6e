// Local usernames and passwords (HA contract 6.1 and 11.3). Every rule is checked before hashing,
// and hashing precedes the transaction.
import type { PasswordHashing } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import {
  MAX_PASSWORD_LENGTH,
  newPassword,
  newUsername,
  requireNewPassword,
  requireNewUsername,
  usernameRetired,
  usernameTaken,
} from '../domain/local_login.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { randomId } from '../domain/secret.ts';
import { passwordVariants } from '../domain/text.ts';
import { violatesConstraint } from '../postgres/constraint.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { Credential, CredentialRepository } from '../repository/credentials.ts';
import { removeDeviceCookies } from '../repository/device_cookies.ts';
import type { LocalLoginRepository as LocalLoginRows } from '../repository/local_logins.ts';
import { type RenameResult, USERNAME_INDEXES, type Usernames } from '../repository/usernames.ts';
import type { UserListEntry, UserRepository } from '../repository/users.ts';
import { type Actor, auditActor, protectAdministrator, protectOwner, requireOwner } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';
import type { SignOut } from './sign_out.ts';

/** Runs a guess within the rate limits. */
type Attempt = (username: string, guess: () => Promise<boolean>) => Promise<boolean>;

export interface LocalLoginsDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'find' | 'lock'>;
  localLogins: LocalLoginRows;
  usernames: Pick<Usernames, 'rename'>;
  credentials: Pick<CredentialRepository, 'ofUserAt' | 'insert'>;
  signOut: SignOut;
  freshLogin: FreshLogin;
  /** From accounts/credentials.ts. */
  unlink(user_id: string, credential_id: string, actor: Actor): Promise<void>;
  hasher: Pick<PasswordHashing, 'hash' | 'verify'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  minimum_password_length: number;
}

type Transaction = Parameters<UserRepository['lock']>[0];

export type LocalLogins = ReturnType<typeof createLocalLogins>;

export function createLocalLogins(deps: LocalLoginsDeps) {
  const { database, users, localLogins, usernames, credentials, signOut, freshLogin, hasher, audit, clock, minimum_password_length } = deps;

  async function loginOf(user_id: string): Promise<Credential> {
    return (await credentials.ofUserAt(user_id, LOCAL_PROVIDER)) ?? credentialsNotFound();
  }

  async function requireUser(user_id: string) {
    return (await users.find(user_id)) ?? userNotFound();
  }

  async function hashNew(typed: string, username: string): Promise<string> {
    const password = newPassword(typed);
    requireNewPassword(password, { username, minimum_length: minimum_password_length });
    return await hasher.hash(password);
  }

  /** False if `old_hash` is outdated. `ends`: what else ends in the same transaction. */
  async function storePassword(
    user_id: string,
    { ends, ...change }: { username: string; password_hash: string; old_hash?: string; ends?: (trx: Transaction) => Promise<void> },
    actor: Actor,
  ): Promise<boolean> {
    return await database.transaction(async (trx) => {
      protectOwner(actor, (await users.lock(trx, user_id)) ?? userNotFound());
      const changed = await localLogins.setPassword(trx, { ...change, now: clock() });
      if (!changed) return false;
      await removeDeviceCookies(trx, user_id);
      await audit.insert(trx, { type: 'local_login.password_changed', ...auditActor(actor), target_user_id: user_id });
      await ends?.(trx);
      return true;
    });
  }

  async function endLogins(
    trx: Transaction,
    { grants, ...whose }: { user_id: string; except_id: string | null; grants: boolean },
    actor: Actor,
  ): Promise<void> {
    await signOut.sessions(trx, whose, actor);
    if (grants) await signOut.grants(trx, whose, actor);
  }

  return {
    /**
     * Adds a local login; the name becomes the username. Returns the stored name. Throws
     * `unauthorized` (403) when an administrator asks for an administrator, a user who has a login,
     * or one made by somebody else.
     */
    async add(
      user_id: string,
      { reuse_username = false, ...login }: { username: string; password: string; reuse_username?: boolean | undefined },
      actor: Actor,
    ): Promise<string> {
      if (reuse_username) requireOwner(actor);
      await freshLogin.require(actor);
      const user = await requireUser(user_id);
      if (user.system_generated) throw new AuthError('system_generated', 'Cannot add credentials to a system generated user.');
      protectOwner(actor, user);
      requireMayAdd(actor, user);
      const username = newUsername(login.username);
      if (await credentials.ofUserAt(user_id, LOCAL_PROVIDER)) throw credentialExists();
      if (user.username !== null && user.username !== username) requireOwner(actor);
      if (await localLogins.find(username)) throw usernameTaken(username);
      const password_hash = await hashNew(login.password, username);
      await naming(username, async (trx) => {
        const now = clock();
        // Ownership, groups and logins may have changed in the meantime.
        protectOwner(actor, (await users.lock(trx, user_id)) ?? userNotFound());
        requireMayAdd(actor, (await users.find(user_id, trx)) ?? userNotFound());
        requireRenamed(username, await usernames.rename(trx, { user_id, to: username, now, reuse_retired: reuse_username }));
        if (!(await localLogins.insert(trx, { username, password_hash, now }))) throw usernameTaken(username);
        const credential = { id: randomId(), user_id, ...LOCAL_PROVIDER, subject: username, data: { username }, created_at: now };
        if (!(await credentials.insert(trx, credential))) throw credentialExists();
        await audit.insert(trx, { type: 'local_login.created', ...auditActor(actor), target_user_id: user_id, detail: { username } });
      });
      return username;
    },

    /** Removes username and password; never the last login method. */
    async remove(user_id: string, actor: Actor): Promise<void> {
      await freshLogin.require(actor);
      await requireUser(user_id);
      await deps.unlink(user_id, (await loginOf(user_id)).id, actor);
    },

    /**
     * Tokens and sessions stay (HA contract 6.1), except with `sign_out_others`. `attempt` limits
     * guesses, since the caller's token may be stolen.
     */
    async changeOwnPassword(
      user_id: string,
      sent: { current_password: string; new_password: string; sign_out_others?: boolean; current_id?: string | null },
      actor: Actor,
      attempt: Attempt = (_name, guess) => guess(),
    ): Promise<void> {
      await freshLogin.require(actor);
      const { subject: username } = await loginOf(user_id);
      const new_password = newPassword(sent.new_password);
      requireNewPassword(new_password, { username, minimum_length: minimum_password_length });
      const { password_hash: old_hash } = (await localLogins.find(username)) ?? credentialsNotFound();
      if (!(await attempt(username, () => isRight(sent.current_password, old_hash)))) throw invalidCurrentPassword();
      const password_hash = await hasher.hash(new_password);
      const { sign_out_others = false, current_id = null } = sent;
      const ends = (trx: Transaction) => endLogins(trx, { user_id, except_id: current_id, grants: true }, actor);
      const change = { username, password_hash, old_hash, ...(sign_out_others && { ends }) };
      if (!(await storePassword(user_id, change, actor))) throw invalidCurrentPassword();
    },

    /**
     * Ends browser sessions, which may belong to somebody with the old password. Tokens stay as in
     * Home Assistant, except with `sign_out`.
     */
    async setPassword(
      user_id: string,
      { password, sign_out = false }: { password: string; sign_out?: boolean },
      actor: Actor,
    ): Promise<void> {
      requireOwner(actor);
      await freshLogin.require(actor);
      await requireUser(user_id);
      const { subject: username } = await loginOf(user_id);
      const password_hash = await hashNew(password, username);
      const ends = (trx: Transaction) => endLogins(trx, { user_id, except_id: null, grants: sign_out }, actor);
      if (!(await storePassword(user_id, { username, password_hash, ends }, actor))) credentialsNotFound();
    },

    /**
     * Credential and tokens stay; the former name is retired. Messages as in Home Assistant (HA
     * contract 6.1).
     */
    async setUsername(user_id: string, typed: string, actor: Actor, reuse_username = false): Promise<void> {
      requireOwner(actor);
      await freshLogin.require(actor);
      await requireUser(user_id);
      const { subject: from } = await loginOf(user_id);
      requireNewUsername(typed);
      const username = newUsername(typed);
      if (username === from) throw usernameTaken(username);
      await naming(username, async (trx) => {
        protectOwner(actor, (await users.lock(trx, user_id)) ?? userNotFound());
        requireRenamed(username, await usernames.rename(trx, { user_id, to: username, now: clock(), reuse_retired: reuse_username }));
        const detail = { from, to: username };
        await audit.insert(trx, { type: 'local_login.username_changed', ...auditActor(actor), target_user_id: user_id, detail });
      });
    },
  };

  /** A transaction that may lose the name to a parallel call. */
  async function naming(username: string, work: (trx: Transaction) => Promise<void>): Promise<void> {
    try {
      await database.transaction(work);
    } catch (error) {
      throw USERNAME_INDEXES.some((index) => violatesConstraint(error, index)) ? usernameTaken(username) : error;
    }
  }

  async function isRight(password: string, hash: string): Promise<boolean> {
    if (password.length > MAX_PASSWORD_LENGTH) return false;
    for (const reading of passwordVariants(password)) if ((await hasher.verify(reading, hash)).ok) return true;
    return false;
  }
}

/**
 * An administrator who chooses the password can log in as that user. So administrators do it only
 * for users whom they created, who have no login yet and are no administrators.
 */
function requireMayAdd(actor: Actor, user: UserListEntry): void {
  protectAdministrator(actor, user);
  if (user.credentials.length > 0 || user.created_by !== actor.user_id) requireOwner(actor);
}

function requireRenamed(username: string, outcome: RenameResult): void {
  if (outcome === 'taken') throw usernameTaken(username);
  if (outcome === 'retired') throw usernameRetired(username);
  if (outcome === 'unknown_user') userNotFound();
}

function userNotFound(): never {
  throw new AuthError('not_found', 'User not found');
}

function credentialsNotFound(): never {
  throw new AuthError('credentials_not_found', 'Credentials not found');
}

function credentialExists(): AuthError {
  return new AuthError('credential_exists', 'User already has a login');
}

function invalidCurrentPassword(): AuthError {
  return new AuthError('invalid_current_password', 'Invalid current password');
}
