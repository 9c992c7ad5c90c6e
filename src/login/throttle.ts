// The limits on guessing: failures are counted by address and by name, an address that fails too often is banned, a name that is guessed at
// from everywhere is guessed at slowly. Called by the login engine, by routes that refuse, and by the hook before every route.
import type { Audit } from '../domain/audit_event.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { failureKey, isLoopback, networkContains, parseAddress, parseNetwork } from '../domain/network.ts';
import { sha256 } from '../domain/secret.ts';
import type { FailedLogins, Standing } from '../repository/failed_logins.ts';
import type { IpBans } from '../repository/ip_bans.ts';
import { createBans } from './bans.ts';
import { createTurns } from './turns.ts';

export interface ThrottleDeps {
  failedLogins: FailedLogins;
  ipBans: IpBans;
  clock: Clock;
  audit: Audit;
  /** Failures after which an address is banned; below 1: never. */
  threshold: number;
  /** Seconds that a ban lasts, and that a failure is remembered. */
  ban_duration: number;
  /** Networks of our own proxies; what fails behind one is never held against it. */
  trusted_proxies: readonly string[];
}

export type Throttle = ReturnType<typeof createThrottle>;

/** More failed guesses at one name than this, in so many seconds, and it is guessed at no faster than that from then on. */
const NAME_FAILURES = 30;
const NAME_WINDOW = 300;
/** Guesses of one address, or at one name, that may wait for their turn. */
const MAX_WAITING = 64;
const NOBODY = Buffer.alloc(0);

export function createThrottle(deps: ThrottleDeps) {
  const { failedLogins, ipBans, clock, audit, threshold, ban_duration } = deps;
  const bans = createBans(deps);
  const addressTurns = createTurns(MAX_WAITING);
  const nameTurns = createTurns(MAX_WAITING);
  const isExempt = exemptions(deps.trusted_proxies);
  const since = (now: Date) => addSeconds(now, -ban_duration);

  async function count(key: string, subject: Buffer): Promise<void> {
    const now = clock();
    const failures = await failedLogins.add({ address: key, subject, now, since: since(now) });
    if (threshold >= 1 && failures >= threshold) await ban(key, now);
  }

  async function ban(key: string, now: Date): Promise<void> {
    const expires_at = addSeconds(now, ban_duration);
    if (!(await ipBans.ban({ address: key, now, expires_at }))) return;
    bans.note(key, expires_at);
    audit.record({ type: 'address.banned', outcome: 'done', remote_address: key, detail: { expires_at: expires_at.toISOString() } });
  }

  /** Refuses before the guess is looked at; what is refused for the address's own failures is one more of them. */
  async function admit(key: string, subject: Buffer): Promise<Standing> {
    const now = clock();
    const standing = await failedLogins.standing({ address: key, subject, since: since(now), lately: addSeconds(now, -NAME_WINDOW) });
    if (threshold >= 1 && standing.of_address >= threshold) throw await refuse(key, ban_duration);
    const wait = secondsToWait(standing, now);
    if (wait > 0) throw tooMany('Too many failed logins with this name', wait);
    return standing;
  }

  async function refuse(key: string, retry_after: number): Promise<AuthError> {
    await count(key, NOBODY);
    return tooMany('Too many failed logins from this address', retry_after);
  }

  async function judge(key: string, subject: Buffer, guess: () => Promise<boolean>): Promise<boolean> {
    const standing = await admit(key, subject);
    const right = await guess();
    if (!right) await count(key, subject);
    // This address at this name alone: logging in as oneself makes no other failure forgotten.
    else if (standing.of_pair > 0) await failedLogins.clear({ address: key, subject });
    return right;
  }

  return {
    /** Whether everything from this address is refused; at most two seconds behind the truth. */
    async isBanned(address: string): Promise<boolean> {
      return (await bans.has(failureKey(address))) && !isExempt(address);
    },

    /** Counts a failure that was no guess at a name, such as an unknown code; or one that was, with the name. */
    async failed(address: string, name: string | null): Promise<void> {
      if (!isExempt(address)) await count(failureKey(address), name === null ? NOBODY : sha256(name));
    },

    /**
     * Runs a guess at the secret behind `name` unless too many failed, and counts it when it is wrong.
     * Throws `too_many_requests` without looking at the guess; no two of one address, or at one name, run at once.
     * `queue`: guesses of one address wait for each other only in the same one, so that a provider that hangs holds up no other.
     */
    async attempt(address: string, name: string, guess: () => Promise<boolean>, queue = ''): Promise<boolean> {
      if (isExempt(address)) return await guess();
      const key = failureKey(address);
      const subject = sha256(name);
      const inTurn = () => nameTurns.take(name, () => judge(key, subject, guess));
      const turn = `${key} ${queue}`;
      if (addressTurns.isFull(turn)) throw await refuse(key, 1);
      return await addressTurns.take(turn, inTurn);
    },

    listBans: (limit: number) => ipBans.list({ now: clock(), limit }),

    /** Lifts the ban of an address or of the network it is in, and forgets its failures; answers whether there was one. */
    async lift(address: string): Promise<boolean> {
      const key = failureKey(address);
      const lifted = await ipBans.lift({ address: key, now: clock() });
      bans.forget(key);
      if (lifted) audit.record({ type: 'address.lifted', outcome: 'done', remote_address: key });
      return lifted;
    },
  };
}

function secondsToWait({ at_subject, subject_failed_at }: Standing, now: Date): number {
  if (at_subject <= NAME_FAILURES || subject_failed_at === null) return 0;
  const next = addSeconds(subject_failed_at, NAME_WINDOW / NAME_FAILURES);
  return Math.ceil((next.getTime() - now.getTime()) / 1000);
}

function tooMany(description: string, retry_after: number): AuthError {
  return new AuthError('too_many_requests', description, { retry_after });
}

function exemptions(trusted_proxies: readonly string[]): (address: string) => boolean {
  const networks = trusted_proxies.flatMap((text) => parseNetwork(text) ?? []);
  return (address) => {
    const parsed = parseAddress(address);
    return parsed !== null && (isLoopback(address) || networks.some((network) => networkContains(network, parsed)));
  };
}
