// Signs a person out: ends browser sessions and grants, all or all but one.
import type { Clock } from '../domain/clock.ts';
import type { TokenType } from '../domain/token.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import { deleteFlowsOfUser } from '../repository/login_flows.ts';
import type { RefreshTokenRepository } from '../repository/refresh_tokens.ts';
import type { EndedSession, SessionEndRepository } from '../repository/session_ends.ts';
import { revokeUnredeemedCodes } from '../repository/unredeemed.ts';
import { type Actor, auditActor } from './actor.ts';

export interface SignOutDeps {
  sessionEnds: Pick<SessionEndRepository, 'endAll' | 'endOfCredential' | 'endOne'>;
  refreshTokens: Pick<RefreshTokenRepository, 'revokeAll'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
}

type Transaction = Parameters<AuditEvents['insert']>[0];

export type SignOut = ReturnType<typeof createSignOut>;

/**
 * Used in a transaction that has locked the user's row. `except_id`: a grant that stays, with its
 * session.
 */
export function createSignOut({ sessionEnds, refreshTokens, audit, clock }: SignOutDeps) {
  async function note(trx: Transaction, ended: EndedSession[], actor: Actor): Promise<void> {
    const event = { type: 'session.ended', ...auditActor(actor) } as const;
    await audit.insert(trx, ...ended.map(({ user_id, ...detail }) => ({ ...event, target_user_id: user_id, detail })));
  }

  return {
    /** Ends one browser session and its grants; false if it is not theirs or has ended. */
    async session(trx: Transaction, { user_id, sid }: { user_id: string; sid: string }, actor: Actor): Promise<boolean> {
      const ended = await sessionEnds.endOne(trx, { user_id, sid, now: clock() });
      if (ended) await note(trx, [ended], actor);
      return ended !== undefined;
    },

    /** Ends the sessions of one login; their apps are notified. */
    async sessionsOf(trx: Transaction, credential_id: string, actor: Actor): Promise<void> {
      await note(trx, await sessionEnds.endOfCredential(trx, { credential_id, now: clock() }), actor);
    },

    /** Ends all sessions with their grants, and logins in progress; apps are notified. */
    async sessions(trx: Transaction, { user_id, except_id }: { user_id: string; except_id: string | null }, actor: Actor) {
      await deleteFlowsOfUser(trx, user_id);
      await note(trx, await sessionEnds.endAll(trx, { user_id, except_refresh_token_id: except_id, now: clock() }), actor);
    },

    /** Revokes grants, or those of one type, and with the normal ones unredeemed codes. */
    async grants(
      trx: Transaction,
      { user_id, except_id, token_type = null }: { user_id: string; except_id: string | null; token_type?: TokenType | null },
      actor: Actor,
    ) {
      if (token_type === null || token_type === 'normal') await revokeUnredeemedCodes(trx, user_id);
      const revoked = await refreshTokens.revokeAll({ user_id, token_type, except_id }, trx);
      const event = { type: 'refresh_token.revoked', ...auditActor(actor), target_user_id: user_id } as const;
      await audit.insert(trx, ...revoked.map(({ id, token_type }) => ({ ...event, detail: { refresh_token_id: id, token_type } })));
    },
  };
}
