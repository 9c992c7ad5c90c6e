// The end of an enrolment: stores the device and its audit event. Used from the account pages and
// by logins that require a second factor.
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { MfaModule, NewEnrolment } from '../domain/mfa_module.ts';
import { randomId } from '../domain/secret.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { MfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';
import type { UserRepository } from '../repository/users.ts';
import { type Actor, auditActor } from './actor.ts';

/** Maximum devices of one module per user. */
const MAX_DEVICES = 20;

export interface EnrolDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'lock'>;
  mfaEnrolments: Pick<MfaEnrolmentRepository, 'put' | 'list'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
}

export type EnrolFactor = ReturnType<typeof createEnrol>;

export function createEnrol({ database, users, mfaEnrolments, audit, clock }: EnrolDeps) {
  /** Stores an enrolment. `claim` ends its flow; false if a parallel answer was first. */
  return async (
    module: MfaModule,
    { secret, device_id, name }: NewEnrolment,
    actor: Actor & { user_id: string },
    claim: (trx: Parameters<Parameters<Database['transaction']>[0]>[0]) => Promise<boolean> = async () => true,
  ): Promise<boolean> =>
    await database.transaction(async (trx) => {
      const { user_id } = actor;
      if (!(await users.lock(trx, user_id))) throw new AuthError('not_found', 'User not found');
      if (!(await claim(trx))) return false;
      const row = { id: randomId(), user_id, mfa_module_id: module.id, secret, created_at: clock() };
      const device = { ...row, name: name ?? null, device_id: device_id ?? null };
      const others = (await mfaEnrolments.list(user_id, trx)).filter(({ mfa_module_id }) => mfa_module_id === module.id);
      if (module.several && others.length >= MAX_DEVICES) throw new AuthError('conflict', 'Too many devices');
      if (!(await mfaEnrolments.put(trx, device, { replaces: !module.several })))
        throw new AuthError('conflict', 'This device is enrolled already');
      const detail = { mfa_module_id: module.id, enrolment_id: row.id, name: device.name };
      await audit.insert(trx, { type: 'mfa.enrolled', ...auditActor(actor), target_user_id: user_id, detail });
      return true;
    });
}
