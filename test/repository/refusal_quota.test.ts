import { expect, test } from 'vitest';
import type { AuditEvent } from '../../src/domain/audit_event.ts';
import { createRefusalQuota, RECORDED_PER_MINUTE } from '../../src/repository/refusal_quota.ts';
import { createTestClock } from '../support/fixtures/clock.ts';

const refusal = (remote_address: string | null): AuditEvent => ({ type: 'login.failed', outcome: 'refused', remote_address });
const MINUTE = '2026-03-14T09:26:00.000Z';

function quotaAfter(refusals: (string | null)[]) {
  const { clock, advance } = createTestClock(new Date(MINUTE));
  const quota = createRefusalQuota({ clock });
  const kept = refusals.filter((address) => quota.admits(refusal(address), true));
  return { quota, kept, advance };
}

test('the first 20 refusals of an address in a minute are kept, the rest become one count', () => {
  const { quota, kept, advance } = quotaAfter(Array(25).fill('192.0.2.1'));
  expect(kept).toHaveLength(RECORDED_PER_MINUTE);
  expect(quota.takeCounts()).toEqual([]);
  advance(60);
  const count = { type: 'request.refused', outcome: 'refused', remote_address: '192.0.2.1', detail: { not_kept: 5, minute: MINUTE } };
  expect(quota.takeCounts()).toEqual([count]);
  expect(quota.takeCounts()).toEqual([]);
  expect(quota.admits(refusal('192.0.2.1'), true)).toBe(true);
});

// H6
test('addresses of one IPv6 household are one, other addresses have a quota of their own', () => {
  const household = Array.from({ length: 25 }, (_, n) => `2001:db8::${n}`);
  expect(quotaAfter(household).kept).toHaveLength(RECORDED_PER_MINUTE);
  expect(quotaAfter([...household, '192.0.2.1', null]).kept).toHaveLength(RECORDED_PER_MINUTE + 2);
});

test('without room everything is counted', () => {
  const { quota } = quotaAfter([]);
  expect(quota.admits(refusal('192.0.2.1'), false)).toBe(false);
  expect(quota.takeCounts(true)).toMatchObject([{ detail: { not_kept: 1 } }]);
});

test('a flood of addresses does not grow it without end', () => {
  const { quota } = quotaAfter(Array.from({ length: 10_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`));
  const late = Array.from({ length: 30 }, (_, n) => `10.1.0.${n}`);
  expect(late.filter((address) => quota.admits(refusal(address), true))).toHaveLength(RECORDED_PER_MINUTE);
  expect(quota.takeCounts(true)).toMatchObject([{ remote_address: null, detail: { not_kept: 10 } }]);
});
