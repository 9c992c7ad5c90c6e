import { beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../src/domain/secret.ts';
import { createLoginMarker, LOGIN_AFTER, type LoginMarker } from '../../src/oauth/login_marker.ts';
import { createTestClock, type TestClock } from '../support/fixtures/clock.ts';
import { SEALER } from '../support/fixtures/grants.ts';

const BROWSER = sha256('lk_br_this');
const QUERY = new URLSearchParams({ client_id: 'grafana', prompt: 'login', state: 'ä &=' });

let time: TestClock;
let marker: LoginMarker;
beforeEach(() => {
  time = createTestClock();
  marker = createLoginMarker({ sealer: SEALER, clock: time.clock });
});

/** As it comes back in a URL. */
const travelled = (query: URLSearchParams) => new URLSearchParams(query.toString());

test('a login after the mark was made for the request', () => {
  const marked = marker.mark(QUERY, BROWSER);
  time.advance(30);
  expect(marker.isFor(travelled(marked), BROWSER, time.clock())).toBe(true);
});

test('a login in another browser was not', () => {
  const marked = travelled(marker.mark(QUERY, BROWSER));
  for (const other of [sha256('lk_br_other'), Buffer.alloc(0), null]) expect(marker.isFor(marked, other, time.clock())).toBe(false);
});

test('a login before the mark was not', () => {
  const before = time.clock();
  time.advance(0.001);
  expect(marker.isFor(marker.mark(QUERY, BROWSER), BROWSER, before)).toBe(false);
});

test('another replica can tell', () => {
  const other = createLoginMarker({ sealer: SEALER, clock: time.clock });
  expect(other.isFor(travelled(marker.mark(QUERY, BROWSER)), BROWSER, time.clock())).toBe(true);
});

test('a mark lasts a quarter of an hour', () => {
  const marked = marker.mark(QUERY, BROWSER);
  const login = time.clock();
  time.advance(899);
  expect(marker.isFor(marked, BROWSER, login)).toBe(true);
  time.advance(1);
  expect(marker.isFor(marked, BROWSER, login)).toBe(false);
});

test('a request is marked again, never twice', () => {
  const first = marker.mark(QUERY, BROWSER);
  time.advance(10);
  const second = marker.mark(first, BROWSER);
  expect(second.getAll(LOGIN_AFTER)).toHaveLength(1);
  expect(second.get(LOGIN_AFTER)).not.toBe(first.get(LOGIN_AFTER));
  expect(marker.isFor(second, BROWSER, time.clock())).toBe(true);
});

test('the request itself stays as it is', () => {
  const marked = marker.mark(QUERY, BROWSER);
  marked.delete(LOGIN_AFTER);
  expect(marked.toString()).toBe(QUERY.toString());
});

// A login that was asked for long ago would otherwise do for a client that asks for a new one.
test.each<[string, (marked: URLSearchParams) => void]>([
  ['no mark', (marked) => marked.delete(LOGIN_AFTER)],
  ['an empty one', (marked) => marked.set(LOGIN_AFTER, '')],
  ['an earlier time', (marked) => marked.set(LOGIN_AFTER, marked.get(LOGIN_AFTER)!.replace(/^\d/, '0'))],
  ['another MAC', (marked) => marked.set(LOGIN_AFTER, `${marked.get(LOGIN_AFTER)!.split('.')[0]}.${'A'.repeat(43)}`)],
  ['no MAC', (marked) => marked.set(LOGIN_AFTER, marked.get(LOGIN_AFTER)!.split('.')[0]!)],
  ['the mark of another request', (marked) => marked.set('client_id', 'other')],
  ['one parameter more', (marked) => marked.append('max_age', '1')],
])('%s makes no login count', (_what, change) => {
  const marked = marker.mark(QUERY, BROWSER);
  change(marked);
  expect(marker.isFor(travelled(marked), BROWSER, time.clock())).toBe(false);
});
