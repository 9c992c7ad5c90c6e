import { expect, it } from 'vitest';
import { newUpstreamLogin, verifiedMethods } from '../../src/domain/upstream_login.ts';

const START = new Date('2026-03-14T12:00:00Z');
const at = (seconds: number) => START.getTime() / 1000 + seconds;

// S3
it.each<[string, boolean, unknown, string[], string[]]>([
  ['a silent return', false, undefined, [], []],
  ['a silent return with methods', false, undefined, ['pwd', 'mfa'], []],
  ['a silent return of an older login', false, at(-61), ['pwd', 'mfa'], []],
  ['a login made in the flow', false, at(1), [], ['user']],
  ['a login made in the flow, with methods', false, at(1), ['pwd', 'mfa'], ['pwd', 'mfa']],
  ['a clock that is a minute behind', false, at(-60), [], ['user']],
  ['a new login that was asked for', true, undefined, [], ['user']],
  ['an older login where a new one was asked for', true, at(-61), ['pwd', 'mfa'], []],
  ['a time that is no number', true, 'now', [], ['user']],
])('%s proves what it should', (_story, reauthenticate, auth_time, amr, proven) => {
  expect(verifiedMethods(amr, auth_time, newUpstreamLogin(reauthenticate, START))).toEqual(proven);
});

it('a flow of an earlier version counts as proving nothing', () => {
  expect([verifiedMethods(['mfa'], at(1), {}), verifiedMethods([], undefined, {})]).toEqual([[], []]);
});
