import { describe, expect, it } from 'vitest';
import { createFetchBudget } from '../../src/outbound/fetch_budget.ts';
import { createTestClock } from '../support/fixtures/clock.ts';

// S17
describe('a budget of fetches', () => {
  it('refuses nobody because of the number of addresses that were counted', () => {
    const budget = createFetchBudget(createTestClock().clock);
    for (let n = 0; n < 10_001; n += 1) budget.spend(`2001:db8:0:${n.toString(16)}::/64`);
    expect(() => budget.spend('203.0.113.1')).not.toThrow();
  });

  it('forgets the address with the fewest fetches first', () => {
    const budget = createFetchBudget(createTestClock().clock, 3);
    for (let spent = 0; spent < 20; spent += 1) budget.spend('198.51.100.1');
    for (let n = 0; n < 100; n += 1) budget.spend(`2001:db8:0:${n.toString(16)}::/64`);
    expect(() => budget.spend('198.51.100.1')).toThrow(expect.objectContaining({ code: 'too_many_requests', retry_after: 60 }));
  });
});
