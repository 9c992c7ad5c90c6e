// A user's second factors: listed without secrets, renamed, and removed after a fresh login. The
// last one stays if a policy requires one.
import { AuthError } from '../domain/errors.ts';
import { type MfaModule, passwordlessFactorKey } from '../domain/mfa_module.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { MfaEnrolmentEntry, MfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';
import type { UserRepository } from '../repository/users.ts';
import { type Actor, auditActor, protectOwner, requireOwner } from './actor.ts';
import type { Factors } from './factors.ts';
import type { FreshLogin } from './fresh_login.ts';
import { type MfaCaller, mfaActor } from './mfa_setup.ts';
import { requireName } from './names.ts';

type Trx = Parameters<Parameters<Database['transaction']>[0]>[0];

export interface MfaDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'lock'>;
  credentials: Pick<CredentialRepository, 'ofUser' | 'remove'>;
  mfaEnrolments: Pick<MfaEnrolmentRepository, 'list' | 'remove' | 'rename'>;
  factors: Factors;
  freshLogin: FreshLogin;
  audit: Pick<AuditEvents, 'insert'>;
}

export type Mfa = ReturnType<typeof createMfa>;

export function createMfa({ database, users, credentials, mfaEnrolments, factors, freshLogin, audit }: MfaDeps) {
  const moduleOf = ({ mfa_module_id }: MfaEnrolmentEntry) => factors.modules.find(({ id }) => id === mfa_module_id);
  const isOwn = (entry: MfaEnrolmentEntry) => moduleOf(entry)?.is_backup === false;

  /** Unlinks the passwordless login of removed devices; never the last login method. */
  async function unlinkOnlyFactor(trx: Trx, user_id: string, module: MfaModule): Promise<void> {
    const key = passwordlessFactorKey(module);
    const all = await credentials.ofUser(user_id, trx);
    const own = all.find((one) => one.auth_provider_type === key.auth_provider_type && one.auth_provider_id === key.auth_provider_id);
    if (!own) return;
    if (all.length === 1) throw new AuthError('last_credential', 'Unable to remove the last way to log in');
    await credentials.remove(trx, own.id);
  }

  /** Removes `going`; `left` stays. */
  async function takeAway(
    trx: Trx,
    user_id: string,
    going: readonly MfaEnrolmentEntry[],
    left: readonly MfaEnrolmentEntry[],
    actor: Actor,
  ) {
    for (const module of factors.modules) {
      const isGone = going.some((entry) => moduleOf(entry) === module) && !left.some((entry) => moduleOf(entry) === module);
      if (module.only_factor && isGone) await unlinkOnlyFactor(trx, user_id, module);
    }
    await mfaEnrolments.remove(
      trx,
      user_id,
      going.map(({ id }) => id),
    );
    for (const { id: enrolment_id, mfa_module_id, name } of going) {
      const detail = { enrolment_id, mfa_module_id, name };
      await audit.insert(trx, { type: 'mfa.removed', ...auditActor(actor), target_user_id: user_id, detail });
    }
  }

  async function remove(caller: MfaCaller, chosen: (entry: MfaEnrolmentEntry) => boolean): Promise<MfaEnrolmentEntry[]> {
    const { user } = caller;
    const actor = mfaActor(caller);
    await freshLogin.require(actor);
    const is_required = await factors.isRequired(user.id);
    return await database.transaction(async (trx) => {
      // Locked, so that the second of two parallel removals sees the result of the first.
      if (!(await users.lock(trx, user.id))) throw new AuthError('not_found', 'User not found');
      const all = await mfaEnrolments.list(user.id, trx);
      const going = all.filter(chosen);
      if (going.length === 0) return [];
      const left = all.filter((entry) => !chosen(entry));
      if (going.some(isOwn) && !left.some(isOwn)) {
        if (is_required) throw new AuthError('mfa_required', 'A second factor is required');
        // Backups do not count on their own.
        going.push(...left.splice(0));
      }
      await takeAway(trx, user.id, going, left, actor);
      return going;
    });
  }

  return {
    /** Every configured module, whether the user has it, and every device. */
    async list(user_id: string) {
      const enrolments = await mfaEnrolments.list(user_id);
      const modules = factors.modules.map((module) => ({
        id: module.id,
        type: module.type,
        name: module.name,
        enabled: enrolments.some((entry) => moduleOf(entry) === module),
      }));
      return { modules, enrolments: enrolments.filter(moduleOf) };
    },

    /** Removes every device of a module; succeeds without any (HA contract 7.1). */
    async disable(caller: MfaCaller, mfa_module_id: string): Promise<void> {
      if (caller.user.system_generated) throw new AuthError('not_system_user', 'Not allowed as system user');
      if (!factors.modules.some(({ id }) => id === mfa_module_id))
        throw new AuthError('no_module', `MFA module ${mfa_module_id} is not found`);
      await remove(caller, (entry) => entry.mfa_module_id === mfa_module_id);
    },

    /** Removes one device. */
    async remove(caller: MfaCaller, enrolment_id: string): Promise<void> {
      const removed = await remove(caller, ({ id }) => id === enrolment_id);
      if (removed.length === 0) notFound();
    },

    /**
     * Removes all factors of a user who lost them; returns their number. For the owner and the
     * operator.
     */
    async reset(user_id: string, actor: Actor): Promise<number> {
      requireOwner(actor);
      await freshLogin.require(actor);
      return await database.transaction(async (trx) => {
        const user = await users.lock(trx, user_id);
        if (!user) throw new AuthError('not_found', 'User not found');
        protectOwner(actor, user);
        const all = await mfaEnrolments.list(user_id, trx);
        await takeAway(trx, user_id, all, [], actor);
        return all.length;
      });
    },

    async rename({ user }: MfaCaller, enrolment_id: string, name: string): Promise<MfaEnrolmentEntry> {
      return (await mfaEnrolments.rename(user.id, enrolment_id, requireName(name))) ?? notFound();
    },
  };
}

function notFound(): never {
  throw new AuthError('not_found', 'Not Found');
}
