// Users: created, changed, approved and deleted, and the transfer of ownership (HA contract 12).
// Logins are in local_logins.ts and credentials.ts.
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { newUsername, usernameRetired, usernameTaken } from '../domain/local_login.ts';
import type { PageRequest } from '../domain/pagination.ts';
import { type ProfilePatch, usernameCandidates } from '../domain/profile.ts';
import { randomId } from '../domain/secret.ts';
import type { User } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { GroupRepository } from '../repository/groups.ts';
import type { Usernames } from '../repository/usernames.ts';
import type { LockedUser, UserChange, UserListEntry, UserRepository as UserRows } from '../repository/users.ts';
import { type Actor, type ApprovalsBy, auditActor, protectAdministrator, protectOwner, requireApprover, requireOwner } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';
import { requireName } from './names.ts';
import { NO_PROFILE, profileChange, retryOnConflict, suggestUsername } from './profiles.ts';
import type { SignOut } from './sign_out.ts';

export interface UsersDeps {
  database: Pick<Database, 'transaction'>;
  users: UserRows;
  usernames: Usernames;
  groups: Pick<GroupRepository, 'replaceMemberships'>;
  signOut: Pick<SignOut, 'sessions' | 'grants'>;
  freshLogin: FreshLogin;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  approvals_by: ApprovalsBy;
}

export interface NewUser extends ProfilePatch, Naming {
  name: string;
  group_ids?: readonly string[] | undefined;
  local_only?: boolean | undefined;
}

interface Naming {
  username?: string | undefined;
  /** Allows a username that belonged to another person; the owner's decision. */
  reuse_username?: boolean | undefined;
}

/** Absent fields stay; groups are replaced as a whole. Only the owner changes usernames. */
export interface UserPatch extends ProfilePatch, Naming {
  name?: string | undefined;
  is_active?: boolean | undefined;
  group_ids?: readonly string[] | undefined;
  local_only?: boolean | undefined;
}

/** Fields that give access to an account, here and at apps. */
const LOGIN_FIELDS = ['username', 'email', 'email_verified'] as const;
/** Fields that decide whether, from where and with which permissions a person logs in. */
const ACCESS_FIELDS = ['is_active', 'group_ids', 'local_only'] as const;

type Transaction = Parameters<UserRows['lock']>[0];

export type Users = ReturnType<typeof createUsers>;

export function createUsers({ database, users, usernames, groups, signOut, freshLogin, audit, clock, approvals_by }: UsersDeps) {
  async function get(id: string, trx?: Transaction): Promise<UserListEntry> {
    return (await users.find(id, trx)) ?? notFound();
  }

  async function make(user: NewUser & { system_generated: boolean }, actor: Actor): Promise<UserListEntry> {
    const { group_ids = [], local_only = false, system_generated } = user;
    if (group_ids.length > 0 || isGiven(user, LOGIN_FIELDS)) await freshLogin.require(actor);
    const id = randomId();
    const row = { id, name: requireName(user.name), is_owner: false, is_active: true, is_pending: false, local_only, system_generated };
    const profile = profileChange(user, NO_PROFILE, actor);
    return await inTransaction(async (trx) => {
      const outcome = await users.create(trx, { ...row, created_at: clock(), created_by: actor.user_id }, unique(group_ids));
      if (outcome === 'unknown_group') throw unknownGroup();
      await users.updateProfile(trx, id, profile);
      await rename(trx, id, user, actor);
      await audit.insert(trx, {
        type: 'user.created',
        ...auditActor(actor),
        target_user_id: id,
        detail: { name: row.name, group_ids: [...group_ids], ...profile },
      });
      return await get(id, trx);
    });
  }

  /** Repeats the transaction if a parallel change took the name or address. */
  const inTransaction = <T>(work: (trx: Transaction) => Promise<T>): Promise<T> => retryOnConflict(() => database.transaction(work));

  async function rename(trx: Transaction, user_id: string, { username, reuse_username = false }: Naming, actor: Actor): Promise<void> {
    if (reuse_username) requireOwner(actor);
    if (username === undefined) return;
    const to = newUsername(username);
    const outcome = await usernames.rename(trx, { user_id, to, now: clock(), reuse_retired: reuse_username });
    if (outcome === 'taken') throw usernameTaken(to);
    if (outcome === 'retired') throw usernameRetired(to);
  }

  /** Names the user by the first of their logins with a usable name. */
  async function nameByLogins(trx: Transaction, user_id: string): Promise<string | null> {
    const base = suggestUsername(await get(user_id, trx));
    return base === null ? null : await usernames.assign(trx, { user_id, candidates: usernameCandidates(base, user_id) });
  }

  /** Runs a change with the user's row locked; returns the result. */
  async function change(id: string, work: (trx: Transaction, user: LockedUser) => Promise<void>): Promise<UserListEntry> {
    return await inTransaction(async (trx) => {
      await work(trx, (await users.lock(trx, id)) ?? notFound());
      return await get(id, trx);
    });
  }

  /** Ends sessions and grants permanently: after re-enabling, the person logs in again. */
  async function endLogins(trx: Transaction, id: string, actor: Actor): Promise<void> {
    await signOut.sessions(trx, { user_id: id, except_id: null }, actor);
    await signOut.grants(trx, { user_id: id, except_id: null }, actor);
  }

  async function regroup(trx: Transaction, id: string, group_ids: readonly string[] | undefined): Promise<void> {
    if (group_ids && !(await groups.replaceMemberships(trx, id, unique(group_ids)))) throw unknownGroup();
  }

  /** `check` refuses by the locked row. */
  async function remove(id: string, actor: Actor, check: (user: LockedUser) => void = () => {}): Promise<void> {
    await freshLogin.require(actor);
    if (id === actor.user_id) throw new AuthError('no_delete_self', 'Unable to delete your own account');
    await database.transaction(async (trx) => {
      const user = (await users.lock(trx, id)) ?? notFound();
      check(user);
      if (user.system_generated) throw new AuthError('cannot_modify_system_generated', 'Unable to delete system generated users.');
      if (user.is_owner) throw new AuthError('cannot_modify_owner', 'Unable to delete owner.');
      // First, because apps are yet to be notified.
      await signOut.sessions(trx, { user_id: id, except_id: null }, actor);
      await users.remove(trx, id, clock());
      await audit.insert(trx, { type: 'user.deleted', ...auditActor(actor), target_user_id: id, detail: { name: user.name } });
    });
  }

  return {
    /** Oldest first, machines included. */
    list: (request: PageRequest) => users.page(request),

    /** Throws `not_found`. */
    get: (id: string): Promise<UserListEntry> => get(id),

    /** An active person, who cannot log in before a login is added. */
    create: (user: NewUser, actor: Actor) => make({ ...user, system_generated: false }, actor),

    /** A machine, which never logs in; see `createSystem` in refresh_tokens.ts. */
    createSystem: (user: NewUser, actor: Actor) => make({ ...user, system_generated: true }, actor),

    async update(id: string, patch: UserPatch, actor: Actor): Promise<UserListEntry> {
      if (isGiven(patch, [...LOGIN_FIELDS, ...ACCESS_FIELDS])) await freshLogin.require(actor);
      const { group_ids, ...given } = { ...patch, ...(patch.name !== undefined && { name: requireName(patch.name) }) };
      return await change(id, async (trx, user) => {
        refuseUpdate(user, patch);
        protectOwner(actor, user);
        if (patch.username !== undefined) requireOwner(actor);
        // These would give access to the administrator's account.
        if (id !== actor.user_id && (group_ids || isGiven(patch, LOGIN_FIELDS))) protectAdministrator(actor, await get(id, trx));
        const columns = { ...definedOnly(given), ...profileChange(patch, user, actor) };
        await regroup(trx, id, group_ids);
        await users.update(trx, id, columns);
        await rename(trx, id, patch, actor);
        // Enabling also ends what an older version may have left.
        if (given.is_active === false || (given.is_active === true && !user.is_active)) await endLogins(trx, id, actor);
        const detail = { ...columns, ...(group_ids && { group_ids: [...group_ids] }), ...(patch.username && { username: patch.username }) };
        await audit.insert(trx, { type: 'user.updated', ...auditActor(actor), target_user_id: id, detail });
      });
    },

    /** Approves a waiting user, with other groups than the default ones if given. */
    async approve(id: string, { group_ids }: { group_ids?: readonly string[] | undefined }, actor: Actor): Promise<UserListEntry> {
      requireApprover(actor, approvals_by);
      await freshLogin.require(actor);
      return await change(id, async (trx, user) => {
        protectOwner(actor, user);
        if (!user.is_pending) throw notPending();
        await regroup(trx, id, group_ids);
        await users.update(trx, id, { is_active: true, is_pending: false });
        const username = await nameByLogins(trx, id);
        const detail = { username, ...(group_ids && { group_ids: [...group_ids] }) };
        await audit.insert(trx, { type: 'user.approved', ...auditActor(actor), target_user_id: id, detail });
      });
    },

    /** Deletes somebody who still waits for approval. */
    async decline(id: string, actor: Actor): Promise<void> {
      requireApprover(actor, approvals_by);
      await remove(id, actor, ({ is_pending }) => {
        if (!is_pending) throw notPending();
      });
    },

    /** Deletes the user with logins, passwords, grants, sessions and codes. */
    delete: (id: string, actor: Actor): Promise<void> => remove(id, actor),

    /** Transfers ownership; only the owner can. */
    async handOverOwnership(id: string, actor: Actor): Promise<UserListEntry> {
      requireOwner(actor);
      await freshLogin.require(actor);
      return await database.transaction(async (trx) => {
        const user = await get(id, trx);
        if (user.is_owner) return user;
        if (!(await users.handOver(trx, id, actor.user_id))) throw noHeir(user);
        await audit.insert(trx, { type: 'owner.handed_over', ...auditActor(actor), target_user_id: id });
        return await get(id, trx);
      });
    },
  };
}

function refuseUpdate(user: User, { is_active }: UserPatch): void {
  if (user.system_generated) throw new AuthError('cannot_modify_system_generated', 'Unable to update system generated users.');
  if (user.is_owner && is_active === false) throw new AuthError('cannot_deactivate_owner', 'Unable to deactivate owner.');
  // Approving is not for every administrator; see `approve`.
  if (user.is_pending && is_active === true) throw new AuthError('conflict', 'User is waiting for approval');
}

function noHeir({ is_active, system_generated }: User): AuthError {
  if (system_generated) return new AuthError('system_generated', 'A system generated user cannot be the owner');
  if (!is_active) return new AuthError('conflict', 'Only an active user can be the owner');
  return new AuthError('conflict', 'There is no owner');
}

function notFound(): never {
  throw new AuthError('not_found', 'User not found');
}

function unknownGroup(): AuthError {
  return new AuthError('unknown_group', 'Unknown group');
}

function unique(group_ids: readonly string[]): string[] {
  return [...new Set(group_ids)];
}

function isGiven(patch: UserPatch, fields: readonly (keyof UserPatch)[]): boolean {
  return fields.some((field) => patch[field] !== undefined);
}

function definedOnly(given: Pick<UserPatch, 'name' | 'is_active' | 'local_only'>): UserChange {
  const { name, is_active, local_only } = given;
  return {
    ...(name !== undefined && { name }),
    ...(is_active !== undefined && { is_active }),
    ...(local_only !== undefined && { local_only }),
  };
}

function notPending(): AuthError {
  return new AuthError('not_pending', 'User is not waiting for approval');
}
