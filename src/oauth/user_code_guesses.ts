// Limits wrong device user codes per person and address (RFC 8628 section 5.1). Exceeding them bans
// nobody: people mistype.
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { failureKey } from '../domain/network.ts';
import { sha256 } from '../domain/secret.ts';
import type { FailedLoginRepository } from '../repository/failed_logins.ts';

const MAX_WRONG = 20;
/** The window in seconds: the lifetime of a code. */
const WINDOW = 600;

interface Guesser {
  user_id: string;
  remote_address: string;
}

export interface UserCodeGuessesDeps {
  failedLogins: Pick<FailedLoginRepository, 'standing' | 'add'>;
  clock: Clock;
}

export type UserCodeGuesses = ReturnType<typeof createUserCodeGuesses>;

export function createUserCodeGuesses({ failedLogins, clock }: UserCodeGuessesDeps) {
  return {
    /** Throws `too_many_requests` before a code is checked. */
    async admit(guesser: Guesser): Promise<void> {
      const since = addSeconds(clock(), -WINDOW);
      const { of_address, at_subject } = await failedLogins.standing({ ...countedAs(guesser), since, lately: since });
      if (Math.max(of_address, at_subject) >= MAX_WRONG)
        throw new AuthError('too_many_requests', 'Too many wrong codes', { retry_after: WINDOW });
    },

    async failed(guesser: Guesser): Promise<void> {
      const now = clock();
      await failedLogins.add({ ...countedAs(guesser), now, since: addSeconds(now, -WINDOW) });
    },
  };
}

/** Counted apart from failed logins, which have a lower limit. */
function countedAs({ user_id, remote_address }: Guesser): { address: string; subject: Buffer } {
  return { address: `user_code ${failureKey(remote_address)}`, subject: sha256(`user_code ${user_id}`) };
}
