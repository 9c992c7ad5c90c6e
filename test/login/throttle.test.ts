import { setImmediate as tick } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/domain/audit_event.ts';
import { createThrottle, type Throttle, type ThrottleDeps } from '../../src/login/throttle.ts';
import { createFailedLoginRepository } from '../../src/repository/failed_logins.ts';
import { createIpBanRepository } from '../../src/repository/ip_bans.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const HOUR = 3600;
let time: ReturnType<typeof createTestClock>;
let events: AuditEvent[];
let throttle: Throttle;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  await db.database.kysely.deleteFrom('failed_logins').execute();
  await db.database.kysely.deleteFrom('ip_bans').execute();
  time = createTestClock();
  events = [];
  throttle = createReplica();
});

function createReplica(differs: Partial<ThrottleDeps> = {}): Throttle {
  const tables = { failedLogins: createFailedLoginRepository(db.database), ipBans: createIpBanRepository(db.database) };
  const audit = { record: (event: AuditEvent) => void events.push(event) };
  const limits = { threshold: 10, ban_duration: HOUR, trusted_proxies: ['10.0.0.0/8'], max_wait_ms: 25_000 };
  return createThrottle({ ...tables, ...limits, clock: time.clock, audit, ...differs });
}

const ADDRESS = '198.51.100.7';
const refused = { code: 'too_many_requests', status: 429 };
const guessWrong = (address = ADDRESS, name = 'victim', at = throttle) => at.attempt(address, name, async () => false);
const guessRight = (address = ADDRESS, name = 'victim', at = throttle) => at.attempt(address, name, async () => true);
async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time += 1) await work();
}
async function counted(): Promise<number> {
  const rows = await db.database.kysely.selectFrom('failed_logins').select('failures').execute();
  return rows.reduce((sum, { failures }) => sum + failures, 0);
}

describe('an address', () => {
  // H2
  it('is banned at the threshold; the guess that reached it still gets its answer', async () => {
    await repeat(9, () => guessWrong());
    expect(await throttle.isBanned(ADDRESS)).toBe(false);
    expect(await guessWrong()).toBe(false);
    expect(await throttle.isBanned(ADDRESS)).toBe(true);
    await expect(guessRight()).rejects.toMatchObject({ ...refused, retry_after: HOUR });
    expect(events).toMatchObject([{ type: 'address.banned', remote_address: ADDRESS }]);
  });

  it('is free again when the ban is over, with nothing held against it', async () => {
    await repeat(10, () => guessWrong());
    time.advance(HOUR);
    expect(await throttle.isBanned(ADDRESS)).toBe(false);
    expect(await guessWrong()).toBe(false);
    expect(await throttle.isBanned(ADDRESS)).toBe(false);
  });

  it('has all its failures counted, whatever their names, and those that named nobody', async () => {
    await repeat(4, () => guessWrong(ADDRESS, 'one'));
    await repeat(3, () => guessWrong(ADDRESS, 'two'));
    await repeat(3, () => throttle.failed(ADDRESS, null));
    expect(await throttle.isBanned(ADDRESS)).toBe(true);
  });

  it('is forgiven what it failed longer ago than a ban lasts', async () => {
    await repeat(9, () => guessWrong());
    time.advance(HOUR);
    await guessWrong();
    expect(await throttle.isBanned(ADDRESS)).toBe(false);
  });

  // H6
  it('is a whole /64 of IPv6', async () => {
    for (let host = 1; host <= 10; host += 1) await guessWrong(`2001:db8:1:2::${host.toString(16)}`, `name ${host}`);
    expect(await throttle.isBanned('2001:db8:1:2:ffff::1')).toBe(true);
    expect(await throttle.isBanned('2001:db8:1:3::1')).toBe(false);
  });

  it.each([
    ['this machine', '127.0.0.1'],
    ['this machine, by IPv6', '::1'],
    ['a trusted proxy', '10.1.2.3'],
  ])('that is %s is never counted: only the name that is guessed at is', async (_whose, address) => {
    await repeat(12, () => throttle.failed(address, null));
    expect(await counted()).toBe(0);
    await repeat(12, () => guessWrong(address));
    await repeat(12, () => throttle.failed(address, 'victim'));
    expect(await guessRight(address)).toBe(true);
    expect([await throttle.isBanned(address), await counted(), await throttle.listBans(10)]).toEqual([false, 24, []]);
  });

  it('is counted but never banned when the threshold is below 1', async () => {
    const lenient = createReplica({ threshold: -1 });
    await repeat(12, () => guessWrong(ADDRESS, 'victim', lenient));
    expect(await lenient.isBanned(ADDRESS)).toBe(false);
    expect(await guessRight(ADDRESS, 'victim', lenient)).toBe(true);
  });

  it('is not charged for a guess that could not be looked at', async () => {
    const broken = throttle.attempt(ADDRESS, 'victim', () => Promise.reject(new Error('database lost')));
    await expect(broken).rejects.toThrow('database lost');
    expect(await counted()).toBe(0);
  });
});

// H4
it('logging in as oneself makes nothing forgotten but that name of that address', async () => {
  for (const _ of [1, 2]) {
    await repeat(3, () => guessWrong());
    await guessWrong(ADDRESS, 'self');
    await guessRight(ADDRESS, 'self');
  }
  expect(await counted()).toBe(6);
  await repeat(4, () => guessWrong());
  expect(await throttle.isBanned(ADDRESS)).toBe(true);
});

// H3
it('of 100 parallel wrong guesses over two replicas a few are looked at and all are counted', async () => {
  const replicas = [createReplica(), createReplica()];
  let evaluated = 0;
  const guess = async () => {
    evaluated += 1;
    await tick();
    return false;
  };
  const all = Array.from({ length: 100 }, (_, index) => replicas[index % 2]!.attempt(ADDRESS, 'victim', guess));
  await Promise.allSettled(all);
  expect(evaluated).toBeGreaterThanOrEqual(10);
  expect(evaluated).toBeLessThanOrEqual(12);
  expect(await counted()).toBe(100);
});

it('more guesses than may wait are refused unseen, and counted', async () => {
  const all = await Promise.allSettled(Array.from({ length: 80 }, () => guessWrong()));
  expect(all.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(10);
  expect(await counted()).toBe(80);
});

describe('a name', () => {
  const from = (count: number) => Array.from({ length: count }, (_, index) => `192.0.2.${index + 1}`);

  // H2
  it('that is guessed at from everywhere is slowed down, but not locked', async () => {
    for (const address of from(31)) await guessWrong(address);
    await expect(guessRight()).rejects.toMatchObject({ ...refused, retry_after: 10 });
    expect(await guessRight(ADDRESS, 'somebody else')).toBe(true);
    time.advance(9);
    await expect(guessRight()).rejects.toMatchObject({ ...refused, retry_after: 1 });
    time.advance(1);
    expect(await guessRight()).toBe(true);
  });

  it.each([
    ['loopback alone', Array.from({ length: 31 }, () => '127.0.0.1')],
    ['trusted proxies', Array.from({ length: 31 }, (_, index) => `10.1.2.${index}`)],
    ['an address of its own and loopback', [...from(16), ...Array.from({ length: 15 }, () => '::1')]],
  ])('that is guessed at from %s is guessed at slowly from everywhere, and nobody is banned', async (_where, addresses) => {
    for (const address of addresses) await guessWrong(address);
    for (const address of ['127.0.0.1', '10.9.9.9', ADDRESS]) {
      await expect(guessRight(address)).rejects.toMatchObject({ ...refused, retry_after: 10 });
      expect(await guessRight(address, 'somebody else')).toBe(true);
    }
    // Polling from there does not keep the block up.
    await repeat(20, () => guessRight('127.0.0.1').catch(() => {}));
    time.advance(10);
    expect(await guessRight('127.0.0.1')).toBe(true);
    expect([await throttle.isBanned('127.0.0.1'), await throttle.isBanned('10.1.2.3'), await throttle.listBans(10)]).toEqual([
      false,
      false,
      [],
    ]);
  });

  it('is guessed at from loopback one at a time, while others are not kept waiting', async () => {
    let slow: Promise<boolean> = Promise.resolve(true);
    // Resolves once the guess is being checked.
    const finish = await new Promise<() => void>((begun) => {
      slow = throttle.attempt('127.0.0.1', 'victim', () => new Promise((resolve) => begun(() => resolve(false))));
    });
    expect(await guessRight('127.0.0.1', 'somebody else')).toBe(true);
    let looked_at = 0;
    const waiting = throttle.attempt('127.0.0.1', 'victim', async () => ++looked_at > 0);
    expect(await guessRight('127.0.0.1', 'a third')).toBe(true);
    expect(looked_at).toBe(0);
    finish();
    expect([await slow, await waiting]).toEqual([false, true]);
  });

  // S10
  it('that is refused is polled at the cost of the address that polls, which cannot keep others out for long', async () => {
    for (const address of from(31)) await guessWrong(address);
    const poller = '203.0.113.66';
    await repeat(10, () => guessWrong(poller).catch(() => {}));
    expect(await throttle.isBanned(poller)).toBe(true);
    time.advance(10);
    expect(await guessRight()).toBe(true);
  });

  // S10
  it('that is refused may still be guessed at in a browser that its person has logged in from, without waiting for others', async () => {
    for (const address of from(31)) await guessWrong(address);
    const options = (isKnownDevice: () => Promise<boolean>) => ({ isKnownDevice });
    const known = options(async () => true);
    expect(await throttle.attempt(ADDRESS, 'victim', async () => true, known)).toBe(true);
    await expect(
      throttle.attempt(
        ADDRESS,
        'victim',
        async () => true,
        options(async () => false),
      ),
    ).rejects.toMatchObject(refused);
    time.advance(10);
    let finish = () => {};
    let slow: Promise<boolean> | undefined;
    await new Promise<void>((started) => {
      slow = throttle.attempt('203.0.113.1', 'victim', () => {
        started();
        return new Promise((resolve) => (finish = () => resolve(false)));
      });
    });
    const waiting = Promise.allSettled(from(70).map((address) => throttle.attempt(address, 'victim', async () => false)));
    expect(await throttle.attempt(ADDRESS, 'victim', async () => true, known)).toBe(true);
    finish();
    await Promise.all([slow, waiting]);
  });

  it('is guessed at one at a time, so a slot is taken once', async () => {
    for (const address of from(31)) await guessWrong(address);
    time.advance(10);
    const all = await Promise.allSettled(from(20).map((address) => guessWrong(address.replace('192.0.2', '203.0.113'))));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is free when the failures are five minutes old', async () => {
    for (const address of from(31)) await guessWrong(address);
    time.advance(300);
    expect(await guessWrong()).toBe(false);
    expect(await guessRight()).toBe(true);
  });
});

// S9
describe('requests that pages of other sites make', () => {
  it('are refused after a few failures, for a minute, and ban nobody', async () => {
    await repeat(4, () => throttle.failedCrossSite(ADDRESS));
    expect(await throttle.refusesCrossSite(ADDRESS)).toBe(false);
    await repeat(20, () => throttle.failedCrossSite(ADDRESS));
    expect([await throttle.refusesCrossSite(ADDRESS), await throttle.refusesCrossSite('198.51.100.8')]).toEqual([true, false]);
    expect([await throttle.isBanned(ADDRESS), await throttle.listBans(10), await guessRight()]).toEqual([false, [], true]);
    time.advance(60);
    expect(await throttle.refusesCrossSite(ADDRESS)).toBe(false);
    await throttle.failedCrossSite(ADDRESS);
    expect(await throttle.refusesCrossSite(ADDRESS)).toBe(false);
  });

  it.each(['127.0.0.1', '10.1.2.3'])('are not counted from %s', async (address) => {
    await repeat(12, () => throttle.failedCrossSite(address));
    expect([await throttle.refusesCrossSite(address), await counted()]).toEqual([false, 0]);
  });
});

describe('bans', () => {
  it('reach the other replicas within two seconds', async () => {
    const other = createReplica();
    expect(await other.isBanned(ADDRESS)).toBe(false);
    await repeat(10, () => guessWrong());
    time.advance(1.9);
    expect(await other.isBanned(ADDRESS)).toBe(false);
    time.advance(0.1);
    await expect.poll(() => other.isBanned(ADDRESS)).toBe(true);
  });

  // R2
  it('are known without waiting for a database that does not answer', async () => {
    await repeat(10, () => guessWrong());
    const ipBans = createIpBanRepository(db.database);
    let asked = 0;
    const list = (request: { now: Date; limit: number }) => {
      asked += 1;
      return asked === 1 ? ipBans.list(request) : new Promise<never>(() => {});
    };
    const replica = createReplica({ ipBans: { ...ipBans, list } });
    expect(await replica.isBanned(ADDRESS)).toBe(true);
    for (let round = 0; round < 3; round += 1) {
      time.advance(10);
      expect([await replica.isBanned(ADDRESS), await replica.isBanned('192.0.2.1')]).toEqual([true, false]);
    }
    // One question at a time.
    expect(asked).toBe(2);
  });

  it('are listed and lifted, and what was failed is forgiven', async () => {
    await repeat(10, () => guessWrong());
    expect(await throttle.listBans(10)).toMatchObject([{ address: ADDRESS }]);
    expect(await throttle.lift(ADDRESS)).toBe(true);
    expect(await throttle.lift(ADDRESS)).toBe(false);
    expect(await throttle.isBanned(ADDRESS)).toBe(false);
    expect(await guessRight()).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'address.lifted', remote_address: ADDRESS });
  });

  it('hold on when the database is lost', async () => {
    await repeat(10, () => guessWrong());
    const ipBans = createIpBanRepository(db.database);
    let lost = false;
    const list = (request: { now: Date; limit: number }) => (lost ? Promise.reject(new Error('lost')) : ipBans.list(request));
    const replica = createReplica({ ipBans: { ...ipBans, list } });
    expect(await replica.isBanned(ADDRESS)).toBe(true);
    lost = true;
    time.advance(60);
    expect(await replica.isBanned(ADDRESS)).toBe(true);
    expect(await replica.isBanned('192.0.2.1')).toBe(false);
  });
});
