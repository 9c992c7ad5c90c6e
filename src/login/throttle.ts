// Rate limits on guessing: failures are counted by address and by name; an address with too many is
// banned, a name with too many is slowed down.
import type { Audit } from '../domain/audit_event.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { exemptAddresses, failureKey, foreignHostAddress, readFailureAddress } from '../domain/network.ts';
import { sha256 } from '../domain/secret.ts';
import type { AttemptCounts, FailedLoginRepository } from '../repository/failed_logins.ts';
import { CROSS_SITE_PREFIX, type IpBanRepository } from '../repository/ip_bans.ts';
import { createBanCache } from './ban_cache.ts';
import { createKeyedMutex } from './keyed_mutex.ts';

export interface ThrottleDeps {
  failedLogins: FailedLoginRepository;
  ipBans: IpBanRepository;
  clock: Clock;
  audit: Audit;
  /** Failures after which an address is banned; below 1: never. */
  threshold: number;
  /** Duration of a ban, and of the memory of a failure, in seconds. */
  ban_duration: number;
  /** For tests; default: 4 s. */
  max_wait_ms?: number;
  /** Trusted proxies; failures behind them count against the name only. */
  trusted_proxies: readonly string[];
}

export type Throttle = ReturnType<typeof createThrottle>;

/** Failed guesses at a name within the window after which further ones are spaced out. */
const NAME_FAILURES = 30;
const NAME_WINDOW = 300;
/** Maximum queue length of guesses per address, and per name. */
const MAX_WAITING = 64;
/** Maximum time in the queue in milliseconds. */
const MAX_WAIT_MS = 4_000;
/** Milliseconds within which a started guess is answered. */
const MAX_GUESS_MS = 10_500;
const NOBODY = Buffer.alloc(0);
/** Prefix of the key, in place of an address, for failures from exempt addresses. Never banned. */
const EXEMPT_PREFIX = 'exempt:';
/**
 * Failures of cross-site requests of an address within the window after which such requests are
 * refused.
 */
const CROSS_SITE_FAILURES = 5;
const CROSS_SITE_WINDOW = 60;

interface AttemptOptions {
  /**
   * Guesses of one address wait for each other per queue, so that a hanging provider does not delay
   * others.
   */
  queue?: string;
  /**
   * Whether the browser has a device cookie for this name, which skips the block by name; counts a
   * guess of its own.
   */
  isKnownDevice?: (() => Promise<boolean>) | undefined;
}

export function createThrottle(deps: ThrottleDeps) {
  const { failedLogins, ipBans, clock, audit, threshold, ban_duration, max_wait_ms = MAX_WAIT_MS } = deps;
  const bans = createBanCache(deps);
  const addressTurns = createKeyedMutex(MAX_WAITING);
  const nameTurns = createKeyedMutex(MAX_WAITING);
  const isExemptAddress = exemptAddresses(deps.trusted_proxies);
  const isExempt = (source: string) => isExemptAddress(readFailureAddress(source).address);
  const since = (now: Date) => addSeconds(now, -ban_duration);
  const keyOf = (address: string, subject: Buffer) =>
    isExempt(address) ? `${EXEMPT_PREFIX}${subject.toString('base64url')}` : banKey(address);

  async function count(key: string, subject: Buffer): Promise<void> {
    const now = clock();
    const failures = await failedLogins.add({ address: key, subject, now, since: since(now) });
    if (isAddress(key) && threshold >= 1 && failures >= threshold) await ban(key, now);
  }

  async function ban(key: string, now: Date): Promise<void> {
    const expires_at = addSeconds(now, ban_duration);
    if (!(await ipBans.ban({ address: key, now, expires_at }))) return;
    bans.note(key, expires_at);
    const { address, is_foreign_host } = readFailureAddress(key);
    const detail = { expires_at: expires_at.toISOString(), ...(is_foreign_host && { is_foreign_host }) };
    audit.record({ type: 'address.banned', outcome: 'done', remote_address: address, detail });
  }

  /**
   * Refuses before the guess is checked. Each refusal counts as a failure of the address, so that
   * polling cannot prolong a block.
   */
  async function admit(key: string, subject: Buffer, isKnownDevice: () => Promise<boolean>): Promise<AttemptCounts> {
    const now = clock();
    // Guesses that were queued while the address was banned.
    if (await bans.has(key)) throw await refuse(key, 'Too many failed logins from this address', ban_duration);
    const standing = await failedLogins.standing({ address: key, subject, since: since(now), lately: addSeconds(now, -NAME_WINDOW) });
    if (isAddress(key) && threshold >= 1 && standing.of_address >= threshold)
      throw await refuse(key, 'Too many failed logins from this address', ban_duration);
    const wait = secondsToWait(standing, now);
    if (wait > 0 && !(await isKnownDevice())) throw await refuse(key, 'Too many failed logins with this name', wait);
    return standing;
  }

  async function refuse(key: string, description: string, retry_after: number): Promise<AuthError> {
    if (isAddress(key)) await count(key, NOBODY);
    return new AuthError('too_many_requests', description, { retry_after });
  }

  async function judge(
    key: string,
    subject: Buffer,
    guess: () => Promise<boolean>,
    isKnownDevice: () => Promise<boolean>,
  ): Promise<boolean> {
    const standing = await admit(key, subject, isKnownDevice);
    const right = await guess();
    if (!right) await count(key, subject);
    // Only this address and name: logging in to one's own account clears no other failures.
    else if (isAddress(key) && standing.of_pair > 0) await failedLogins.clear({ address: key, subject });
    return right;
  }

  return {
    /** Whether everything from this address is refused; at most two seconds out of date. */
    async isBanned(address: string): Promise<boolean> {
      return (await bans.has(banKey(address))) && !isExempt(address);
    },

    /**
     * Counts a failure, with the name if it was a guess at one. From an exempt address it counts
     * against the name only.
     */
    async failed(address: string, name: string | null): Promise<void> {
      const subject = name === null ? NOBODY : sha256(name);
      if (name !== null || !isExempt(address)) await count(keyOf(address, subject), subject);
    },

    /**
     * Counts a failure of a cross-site request; these never ban the address but refuse further such
     * requests.
     */
    async failedCrossSite(address: string): Promise<void> {
      if (isExempt(address) || threshold < 1) return;
      const now = clock();
      const key = crossSiteKey(address);
      const failures = await failedLogins.add({ address: key, subject: NOBODY, now, since: addSeconds(now, -CROSS_SITE_WINDOW) });
      if (failures < CROSS_SITE_FAILURES) return;
      const expires_at = addSeconds(now, CROSS_SITE_WINDOW);
      await ipBans.ban({ address: key, now, expires_at });
      bans.note(key, expires_at);
    },

    /**
     * Whether cross-site requests are refused for this address; at most two seconds out of date.
     */
    refusesCrossSite: async (address: string): Promise<boolean> => !isExempt(address) && (await bans.has(crossSiteKey(address))),

    /**
     * Runs a guess at the secret of `name` and counts a failure. Guesses of one address, or at one
     * name, run one at a time. Throws without running it: `too_many_requests`, or `unavailable`
     * when the queue is too slow.
     */
    async attempt(address: string, name: string, guess: () => Promise<boolean>, options: AttemptOptions = {}): Promise<boolean> {
      const { queue = '', isKnownDevice = async () => false } = options;
      const subject = sha256(name);
      const key = keyOf(address, subject);
      const turn = `${key} ${queue}`;
      const until = performance.now() + max_wait_ms;
      const wait = () => Math.max(0, until - performance.now());
      async function inNameTurn(): Promise<boolean> {
        // The person's own browser does not wait behind others' guesses.
        const is_known = nameTurns.isBusy(name) && (await isKnownDevice());
        const line = is_known ? `${name}\0` : name;
        if (nameTurns.isFull(line)) throw await refuse(key, 'Too many attempts at once', 1);
        return await nameTurns.take(line, () => judge(key, subject, guess, is_known ? async () => true : isKnownDevice), wait());
      }
      if (isAddress(key) && addressTurns.isFull(turn)) throw await refuse(key, 'Too many attempts at once', 1);
      // Many people share the address of an undeclared proxy.
      const judged = isAddress(key) ? addressTurns.take(turn, inNameTurn, wait()) : inNameTurn();
      return await inTime(judged, max_wait_ms + MAX_GUESS_MS);
    },

    /**
     * Current bans, newest first; `is_foreign_host`: only for requests under unknown host names.
     */
    async listBans(limit: number) {
      const rows = await ipBans.list({ now: clock(), limit, kind: 'address' });
      return rows.map((row) => ({ ...row, ...readFailureAddress(row.address) }));
    },

    /**
     * Lifts the bans of an address or of its network, and forgets its failures; answers whether
     * there was one.
     */
    async lift(address: string): Promise<boolean> {
      const key = failureKey(address);
      let lifted = false;
      for (const each of [key, foreignHostAddress(key)]) {
        if (await ipBans.lift({ address: each, now: clock() })) lifted = true;
        bans.forget(each);
      }
      if (lifted) audit.record({ type: 'address.lifted', outcome: 'done', remote_address: key });
      return lifted;
    },
  };
}

function secondsToWait({ at_subject, subject_failed_at }: AttemptCounts, now: Date): number {
  if (at_subject <= NAME_FAILURES || subject_failed_at === null) return 0;
  const next = addSeconds(subject_failed_at, NAME_WINDOW / NAME_FAILURES);
  return Math.ceil((next.getTime() - now.getTime()) / 1000);
}

/**
 * The result of `work`, or `unavailable` when it takes longer; the work continues and is counted.
 */
async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new AuthError('unavailable', 'The login takes too long', { retry_after: 5, detail: `no answer in ${ms} ms` });
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the key belongs to an address, which can be banned and has its own queue. */
function isAddress(key: string): boolean {
  return !key.startsWith(EXEMPT_PREFIX);
}

/** The key of an address, which may be marked by `foreignHostAddress`. */
function banKey(source: string): string {
  const { address, is_foreign_host } = readFailureAddress(source);
  return is_foreign_host ? foreignHostAddress(failureKey(address)) : failureKey(address);
}

/** Not an address, so it never bans one. */
function crossSiteKey(address: string): string {
  return `${CROSS_SITE_PREFIX}${failureKey(address)}`;
}
