// Consents: listed and withdrawn, together with the app's tokens. They are given in
// oauth/authorize.ts.
import { AuthError } from '../domain/errors.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { ConsentRepository as ConsentRows, ListedConsent } from '../repository/consents.ts';
import { revokeUnredeemedCodes } from '../repository/unredeemed.ts';
import type { UserRepository } from '../repository/users.ts';
import { type Actor, auditActor } from './actor.ts';

export interface ConsentsDeps {
  database: Pick<Database, 'transaction'>;
  consents: Pick<ConsentRows, 'list' | 'withdraw'>;
  users: Pick<UserRepository, 'lock'>;
  audit: Pick<AuditEvents, 'insert'>;
}

export type Consents = ReturnType<typeof createConsents>;

export function createConsents({ database, consents, users, audit }: ConsentsDeps) {
  return {
    /** Oldest first, at most 1000. */
    list: (user_id: string): Promise<ListedConsent[]> => consents.list(user_id),

    /**
     * Revokes the app's tokens for this person and requires a new consent. Throws `not_found`
     * without a consent.
     */
    async withdraw(user_id: string, client_id: string, actor: Actor): Promise<void> {
      await database.transaction(async (trx) => {
        // Waits for codes being redeemed, so that every grant is visible below.
        await users.lock(trx, user_id);
        if (!(await consents.withdraw(trx, user_id, client_id))) throw new AuthError('not_found', 'Consent not found');
        await revokeUnredeemedCodes(trx, user_id, client_id);
        await audit.insert(trx, { type: 'consent.withdrawn', ...auditActor(actor), target_user_id: user_id, client_id });
      });
    },
  };
}
