// The owner's last resort: everything that was issued before a time is worth nothing any more, of everybody, at once. After a theft, and after an
// older backup was restored, which brings back what has been revoked since. Called by the JSON API and the CLI.
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

/** What ended, and the time before which it was issued. */
export interface RevokedAll extends CutCounts {
  before: Date;
}

export type RevokeAll = ReturnType<typeof createRevokeAll>;

/**
 * Ends what was issued before a time, by default everything there is; throws `invalid_format` for a time that has not come.
 *
 * It is one transaction: what is being issued at that moment is either seen and ended, or counts as issued afterwards. What a login earned counts as
 * issued at that login.
 *
 * | ends | because |
 * |---|---|
 * | browser sessions, and those at protected hosts; their apps are told | they open everything else |
 * | grants of both dialects and all types, with their access tokens, exchanged ones included, and link tickets | they hang on the grant's row |
 * | access tokens that clients got in their own name | by the time that is kept: no row is theirs; to the second, in doubt they end |
 * | authorization, link and device codes; logins under way | what was proven before must not earn anything now |
 *
 * | stays | because |
 * |---|---|
 * | passwords, second factors, client secrets, registration access tokens | they prove who somebody is, and are changed each for itself |
 * | consents | they are no way in: whoever logs in anew has still agreed |
 * | pushed authorization requests | they say what an app wants, and of whom nothing |
 * | ID tokens | they are told to apps, and open nothing here |
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
