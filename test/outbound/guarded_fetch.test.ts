import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, test } from 'vitest';
import { isSpecialUse } from '../../src/domain/network.ts';
import { createGuardedFetch, type GuardedFetchOptions } from '../../src/outbound/guarded_fetch.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';

const strangers: Stranger[] = [];
afterEach(async () => {
  await Promise.all(strangers.splice(0).map((stranger) => stranger.close()));
});

async function stranger(...talk: Parameters<typeof startStranger>): Promise<Stranger> {
  const started = await startStranger(...talk);
  strangers.push(started);
  return started;
}

const anywhere = (differs: Partial<GuardedFetchOptions> = {}) => createGuardedFetch({ isAllowed: () => true, ...differs });
const outside = (differs: Partial<GuardedFetchOptions> = {}) =>
  createGuardedFetch({ isAllowed: (address) => !isSpecialUse(address), ...differs });
const text = async (body: Promise<Buffer | null>) => (await body)?.toString('utf8');

// L2
describe('an address inside is never connected to', () => {
  test.each([
    ...['127.0.0.1', '[::1]', '10.0.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '[fd00::1]', '[fe80::1]', '[::ffff:127.0.0.1]'],
    ...['[64:ff9b::7f00:1]', '2130706433', '0x7f.1', '127.1', '0'],
  ])('%s', async (host) => {
    const inside = await stranger((socket) => respond(socket, 'inside'));
    expect(await outside()(`http://${host}:${inside.port}/`)).toBeNull();
    expect(inside.connections()).toBe(0);
  });

  test.each([
    ['a name for it', ['127.0.0.1']],
    ['a name for it and for something outside', ['93.184.216.34', '127.0.0.1']],
    ['a name for its IPv4-mapped form', ['::ffff:127.0.0.1']],
    ['a name for nothing', []],
  ])('%s', async (_story, addresses) => {
    const inside = await stranger((socket) => respond(socket, 'inside'));
    expect(await outside({ resolve: async () => addresses })(`http://app.example:${inside.port}/`)).toBeNull();
    expect(inside.connections()).toBe(0);
  });

  test.each(['localhost', 'localhost.'])('%s, as DNS answers', async (host) => {
    const inside = await stranger((socket) => respond(socket, 'inside'));
    expect(await outside({ deadline_ms: 2_000 })(`http://${host}:${inside.port}/`)).toBeNull();
    expect(inside.connections()).toBe(0);
  });

  test.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://user@127.0.0.1/', 'nonsense'])('%s is not fetched at all', async (url) => {
    expect(await anywhere()(url)).toBeNull();
  });
});

// L3
describe('a name that changes its mind', () => {
  it('is asked once for each connection, and what it answered is connected to', async () => {
    const answers = [['127.0.0.1'], ['192.0.2.1']];
    const page = await stranger((socket) => respond(socket, 'page'));
    expect(await text(anywhere({ resolve: async () => answers.shift() ?? [] })(`http://app.example:${page.port}/`))).toBe('page');
    expect(answers).toHaveLength(1);
  });

  it('is caught at the socket: no byte is sent', async () => {
    let asked = 0;
    const inside = await stranger((socket) => respond(socket, 'inside'));
    // Outside when the name is judged, inside when the peer of the socket is.
    const isAllowed = () => {
      asked += 1;
      return asked === 1;
    };
    expect(await anywhere({ isAllowed, resolve: async () => ['127.0.0.1'] })(`http://app.example:${inside.port}/`)).toBeNull();
    expect(asked).toBe(2);
    expect(inside.received()).toBe('');
  });
});

// L4
describe('a redirect', () => {
  const to = (location: string, status = '302 Found') => ({ status, headers: `Location: ${location}\r\n` });

  test.each(['301 Moved', '302 Found', '303 See Other', '307 Temporary', '308 Permanent'])('%s is followed', async (status) => {
    const page = await stranger((socket, path) => (path === '/' ? respond(socket, '', to('/next', status)) : respond(socket, path)));
    expect(await text(anywhere()(page.url))).toBe('/next');
  });

  it('is followed three times and not a fourth', async () => {
    const page = await stranger((socket, path) => respond(socket, path, to(`${path}x`)));
    expect(await anywhere()(page.url)).toBeNull();
    expect(page.connections()).toBe(4);
  });

  it('to an address inside is not followed', async () => {
    const inside = await stranger((socket) => respond(socket, 'inside'));
    const page = await stranger((socket) => respond(socket, '', to(inside.url)));
    const get = createGuardedFetch({
      isAllowed: (address) => address === '127.0.0.1' && inside.connections() + page.connections() <= 1,
      resolve: async () => ['127.0.0.1'],
    });
    expect(await get(`http://app.example:${page.port}/`)).toBeNull();
    expect(inside.received()).toBe('');
  });

  test.each(['http://[::1]/', 'file:///etc/passwd', 'http://user:pass@127.0.0.1/', 'gopher://127.0.0.1/', 'http://'])(
    'to %s ends the fetch',
    async (location) => {
      const page = await stranger((socket) => respond(socket, '', to(location)));
      const get = createGuardedFetch({ isAllowed: (address) => address === '127.0.0.1' });
      expect(await get(page.url)).toBeNull();
    },
  );
});

// L5
describe('a page that is', () => {
  it('endless is cut at 10 kB', async () => {
    const page = await stranger((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write('x'.repeat(65_536)));
        socket.once('drain', more);
      };
      more();
    });
    expect((await anywhere()(page.url))?.length).toBe(10_240);
  });

  it('slow is left when time is up, with what had come', async () => {
    const page = await stranger((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nstart');
      const timer = setInterval(() => socket.write('.'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    const began = performance.now();
    expect(await text(anywhere({ deadline_ms: 300 })(page.url))).toMatch(/^start\.+$/);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('silent, or slow in redirects, is left when time is up', async () => {
    const page = await stranger((socket, path) => {
      if (path === '/') respond(socket, '', { status: '302 Found', headers: 'Location: /silent\r\n' });
    });
    const began = performance.now();
    expect(await anywhere({ deadline_ms: 300 })(page.url)).toBeNull();
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('of 64 kB of headers is refused', async () => {
    const page = await stranger((socket) => respond(socket, 'page', { headers: `X-Long: ${'x'.repeat(65_536)}\r\n` }));
    expect(await anywhere()(page.url)).toBeNull();
  });

  it('compressed is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const page = await stranger((socket) => respond(socket, bomb, { headers: 'Content-Encoding: gzip\r\n' }));
    expect((await anywhere()(page.url))?.length).toBe(0);
    expect(page.received()).toMatch(/accept-encoding: identity/i);
  });
});

it('the status of the page is ignored', async () => {
  const page = await stranger((socket) => respond(socket, 'gone', { status: '404 Not Found' }));
  expect(await text(anywhere()(page.url))).toBe('gone');
});
