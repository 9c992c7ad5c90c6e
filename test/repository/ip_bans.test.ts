import { beforeAll, expect, it } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { createFailedLoginRepository } from '../../src/repository/failed_logins.ts';
import { createIpBanRepository, type IpBanRepository } from '../../src/repository/ip_bans.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let bans: IpBanRepository;
const now = new Date('2026-03-14T09:00:00.000Z');
const later = addSeconds(now, 3600);

const test = perFile(() => createTestDatabase());
beforeAll(() => {
  bans = createIpBanRepository(test.database);
});

// vector ip-ban-009
it('an address is banned once, and a ban under way is not stretched', async () => {
  const address = '200.201.202.204';
  const banned = await Promise.all([bans.ban({ address, now, expires_at: later }), bans.ban({ address, now, expires_at: later })]);
  expect(banned.filter(Boolean)).toHaveLength(1);
  expect(await bans.ban({ address, now: addSeconds(now, 60), expires_at: addSeconds(later, 60) })).toBe(false);
  expect(await bans.list({ now, limit: 10 })).toEqual([{ address, banned_at: now, expires_at: later }]);
  expect(await bans.list({ now: later, limit: 10 })).toEqual([]);
  expect(await bans.ban({ address, now: later, expires_at: addSeconds(later, 60) })).toBe(true);
});

it('lifting a ban forgets the failures behind it', async () => {
  const address = '2001:db8::/64';
  const failed = createFailedLoginRepository(test.database);
  const subject = Buffer.alloc(0);
  await failed.add({ address, subject, now, since: addSeconds(now, -60) });
  await bans.ban({ address, now, expires_at: later });
  expect(await bans.lift({ address, now })).toBe(true);
  expect(await bans.lift({ address, now })).toBe(false);
  expect(await failed.add({ address, subject, now, since: addSeconds(now, -60) })).toBe(1);
});
