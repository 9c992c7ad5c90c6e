import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type ClientPageDeps, createClientPages } from '../../src/oauth/client_page.ts';
import { vectors } from '../support/clients/vectors.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { createTestClock } from '../support/fixtures/clock.ts';

const ME = '198.51.100.7';
const LINK = '<link rel="redirect_uri" href="app://cb">';
let time: ReturnType<typeof createTestClock>;
let page: Stranger;
let answer: Parameters<typeof startStranger>[0];

beforeEach(async () => {
  time = createTestClock();
  answer = (socket) => respond(socket, LINK);
  page = await startStranger((socket, path) => answer(socket, path));
});
afterEach(() => page.close());

const pages = (differs: Partial<ClientPageDeps> = {}) =>
  createClientPages({ allow_private_addresses: true, clock: time.clock, bucket_ms: 1, ...differs });

describe('a redirect URI', () => {
  it('on the page of the client is accepted, byte for byte', async () => {
    const { acceptsRedirectUri } = pages();
    expect(await acceptsRedirectUri(page.url, 'app://cb', ME)).toBe(true);
    expect(await acceptsRedirectUri(page.url, 'app://cb/', ME)).toBe(false);
  });

  // L1
  it.each([
    ['of the same host', (url: string) => `${url}callback`, true],
    ['that nobody may be sent to', () => 'javascript:alert(1)', false],
  ])('%s is judged without a connection', async (_story, redirect_uri, accepted) => {
    expect(await pages().acceptsRedirectUri(page.url, redirect_uri(page.url), ME)).toBe(accepted);
    expect(page.connections()).toBe(0);
  });

  // L10
  it.each([
    ['https://home-assistant.io/iOS', true],
    ['https://home-assistant.io/android', true],
  ])('of the companion app %s is accepted without a connection', async (client_id, accepted) => {
    const fetch = { resolve: () => Promise.reject(new Error('no name may be asked')) };
    expect(await pages({ fetch }).acceptsRedirectUri(client_id, 'homeassistant://auth-callback', ME)).toBe(accepted);
  });

  // L10
  it('of the companion app is nobody else’s', async () => {
    expect(await pages().acceptsRedirectUri(page.url, 'homeassistant://auth-callback', ME)).toBe(false);
  });

  it('of a client that is no URL is refused without a connection', async () => {
    expect(await pages().acceptsRedirectUri('not a url', 'app://cb', ME)).toBe(false);
  });

  // L2
  it('on a page inside is refused without a connection, unless the operator allows it', async () => {
    expect(await pages({ allow_private_addresses: false }).acceptsRedirectUri(page.url, 'app://cb', ME)).toBe(false);
    expect(page.connections()).toBe(0);
  });
});

// L6
describe('the page', () => {
  const published = async (body: string | Buffer) => {
    answer = (socket) => respond(socket, body);
    return await pages().publishedRedirectUris(page.url, ME);
  };

  test.each<[string, string | Buffer, string[]]>([
    ['is read to its first 10 kB', `${LINK}${' '.repeat(10_240)}<link rel="redirect_uri" href="app://late">`, ['app://cb']],
    ['may hold bytes that are no UTF-8', Buffer.concat([Buffer.from([0xff, 0xfe, 0xc0, 0xaf]), Buffer.from(LINK)]), ['app://cb']],
    ['may split a character at any byte', `${'é'.repeat(5_119)}x${LINK}`, []],
    ['may be empty', '', []],
  ])('%s', async (_story, body, expected) => {
    expect(await published(body)).toEqual(expected);
  });

  it('resolves what is relative against the client_id', async () => {
    expect(await published('<link rel="redirect_uri" href="/beer">')).toEqual([`${page.url}beer`]);
  });
});

test.each(vectors('client-page').filter(({ id }) => /-01[23]$/.test(id)))('vector $id', async ({ given, expect: expected }) => {
  answer = (socket) => given.body && respond(socket, given.body, { status: `${given.status} Not Found` });
  expect(await pages({ fetch: { deadline_ms: 300 } }).publishedRedirectUris(page.url, ME)).toEqual(expected.redirect_uris);
});

// L7
it('a page that cannot be had tells by nothing why', async () => {
  const closed = await startStranger(() => {});
  await closed.close();
  const timed = async (url: string) => {
    const began = performance.now();
    const uris = await pages({ bucket_ms: 300, fetch: { deadline_ms: 200 } }).publishedRedirectUris(url, ME);
    return { uris, took: performance.now() - began };
  };
  answer = () => {};
  for (const url of [closed.url, page.url, page.url.replace('http:', 'https:')]) {
    const { uris, took } = await timed(url);
    expect(uris).toEqual([]);
    expect(took).toBeGreaterThanOrEqual(295);
    expect(took).toBeLessThan(550);
  }
});

describe('the limits', () => {
  it('a page is fetched once for all who ask in parallel, and once a minute', async () => {
    const { publishedRedirectUris } = pages();
    const all = await Promise.all(Array.from({ length: 50 }, () => publishedRedirectUris(page.url, ME)));
    expect(all).toEqual(all.map(() => ['app://cb']));
    time.advance(59);
    await publishedRedirectUris(page.url, ME);
    expect(page.connections()).toBe(1);
    time.advance(1);
    await publishedRedirectUris(page.url, ME);
    expect(page.connections()).toBe(2);
  });

  it('a failure is not remembered', async () => {
    const { publishedRedirectUris } = pages();
    answer = (socket) => socket.destroy();
    expect(await publishedRedirectUris(page.url, ME)).toEqual([]);
    answer = (socket) => respond(socket, LINK);
    expect(await publishedRedirectUris(page.url, ME)).toEqual(['app://cb']);
  });

  it('one address causes twenty fetches a minute and no more; others are not held up', async () => {
    const { publishedRedirectUris } = pages();
    const ask = (index: number, from: string) => publishedRedirectUris(`${page.url}${index}`, from);
    for (let index = 0; index < 20; index += 1) await ask(index, `2001:db8::${index}`);
    await expect(ask(20, '2001:db8::99')).rejects.toMatchObject({ code: 'too_many_requests' });
    expect(await ask(20, ME)).toEqual(['app://cb']);
    expect(await ask(0, '2001:db8::99')).toEqual(['app://cb']);
    time.advance(60);
    expect(await ask(21, '2001:db8::99')).toEqual(['app://cb']);
  });

  it('a few pages are read at a time', async () => {
    answer = () => {};
    const { publishedRedirectUris } = pages({ fetch: { deadline_ms: 500 } });
    const all = Array.from({ length: 40 }, (_, index) => publishedRedirectUris(`${page.url}${index}`, `192.0.2.${index}`));
    const settled = await Promise.allSettled(all);
    const refused = settled.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(8);
    expect(refused[0]).toMatchObject({ reason: { code: 'unavailable', retry_after: 1 } });
  });
});
