// The owner's emergency stop: revokes everything issued before a time, for everybody. For use after
// a theft, or after restoring a backup, which also restores revoked tokens.
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { ConnectionOptions } from '../postgres/connection.ts';
import { longTransaction } from '../postgres/long_transaction.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import { type CutCounts, endIssuedBefore, lockIssuing } from '../repository/issued_before_cutoff.ts';
import { type Actor, auditActor, requireOwner } from './actor.ts';

export interface RevokeAllDeps {
  database: ConnectionOptions;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
}

/** What was revoked, and the cut-off time. */
export interface RevokedAll extends CutCounts {
  before: Date;
}

export type RevokeAll = ReturnType<typeof createRevokeAll>;

/**
 * Revokes sessions, grants, tokens, codes and pending logins of before a time, default now, in one
 * transaction; throws `invalid_format` for a future time. Passwords, factors, secrets, consents,
 * pushed requests and ID tokens stay. Apps are notified of ended sessions.
 */
export function createRevokeAll({ database, audit, clock }: RevokeAllDeps) {
  return async ({ before = null }: { before?: Date | null | undefined }, actor: Actor): Promise<RevokedAll> => {
    requireOwner(actor);
    if (before !== null && before > clock()) throw new AuthError('invalid_format', 'before must not lie in the future');
    return await longTransaction(database, async (trx) => {
      await lockIssuing(trx);
      const now = clock();
      const counts = await endIssuedBefore(trx, { before, now });
      const detail = { before: (before ?? now).toISOString(), ...counts };
      await audit.insert(trx, { type: 'tokens.revoked', ...auditActor(actor), detail });
      return { before: before ?? now, ...counts };
    });
  };
}
