// Verifies one answer to a second factor: counted first, accepted once, and the count reset on
// success.
import type { Factors } from '../accounts/factors.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import type { FormValues } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import type { MfaVerdict } from '../domain/mfa_module.ts';
import type { MfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';
import { MFA_FAILURE_LIMIT, type MfaFailureRepository } from '../repository/mfa_failures.ts';

/** Attempts to store the result when parallel requests interfere. */
const MAX_TRIES = 3;

export interface SecondFactorDeps {
  factors: Pick<Factors, 'ofUser'>;
  mfaEnrolments: Pick<MfaEnrolmentRepository, 'use'>;
  mfaFailures: MfaFailureRepository;
  clock: Clock;
  audit: Audit;
}

interface Guess {
  user_id: string;
  mfa_module_id: string;
  /** The state of the challenge. */
  state: JsonObject;
  values: FormValues;
  remote_address: string;
}

export type SecondFactor = ReturnType<typeof createSecondFactor>;

export function createSecondFactor({ factors, mfaEnrolments, mfaFailures, clock, audit }: SecondFactorDeps) {
  /**
   * Of parallel uses of an answer the first is accepted; the others verify again against the new
   * state.
   */
  async function judge({ user_id, mfa_module_id, state, values }: Guess): Promise<MfaVerdict> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const factor = (await factors.ofUser(user_id)).find(({ module }) => module.id === mfa_module_id);
      if (!factor) return { ok: false, detail: 'not enrolled' };
      const now = clock();
      const verdict = await factor.module.verify({ enrolments: factor.enrolments, state, values, now });
      if (!verdict.ok) return verdict;
      const enrolment = factor.enrolments.find(({ id }) => id === verdict.enrolment_id);
      if (enrolment && (await mfaEnrolments.use(enrolment, verdict.secret, now))) return verdict;
    }
    return { ok: false, detail: 'used elsewhere at the same time' };
  }

  return {
    /** Counts a message like a guess; false if there were too many. */
    mayDeliver: async (user_id: string): Promise<boolean> => (await mfaFailures.count(user_id, clock())) !== null,

    /**
     * The verdict, and the proven methods. After too many guesses even a right answer is refused as
     * wrong.
     */
    async prove(guess: Guess): Promise<{ ok: true; amr: string[] } | { ok: false }> {
      const { user_id: target_user_id, mfa_module_id, remote_address } = guess;
      const count = await mfaFailures.count(target_user_id, clock());
      const verdict = count === null ? ({ ok: false, detail: 'guessed at too often' } as const) : await judge(guess);
      if (verdict.ok) {
        await mfaFailures.clear(target_user_id);
        return { ok: true, amr: verdict.amr };
      }
      const event = { target_user_id, remote_address, detail: { mfa_module_id, detail: verdict.detail ?? null } };
      audit.record({ type: 'mfa.failed', outcome: 'refused', ...event });
      if (count === MFA_FAILURE_LIMIT) audit.record({ type: 'mfa.locked', outcome: 'done', ...event });
      return { ok: false };
    },
  };
}
