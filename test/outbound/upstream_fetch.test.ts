import { afterEach, expect, it, test } from 'vitest';
import { createUpstreamFetch } from '../../src/outbound/upstream_fetch.ts';
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

const GET = { method: 'GET', headers: {}, body: undefined, signal: undefined };
type Options = Partial<Parameters<typeof createUpstreamFetch>[0]>;
const fetchWith = (options: Options = {}) => createUpstreamFetch({ hosts: [], allow_private_addresses: false, ...options });
const named = (options: Options = {}) => fetchWith({ hosts: ['127.0.0.1'], ...options });

it('reaches the hosts that an operator named, wherever they are', async () => {
  const server = await stranger((socket) => respond(socket, 'inside'));
  expect(await (await named()(`http://127.0.0.1:${server.port}/`, GET)).text()).toBe('inside');
  const local = fetchWith({ hosts: ['localhost'] });
  expect((await local(`http://localhost:${server.port}/`, GET)).status).toBe(200);
});

it('sends method, headers and body', async () => {
  const server = await stranger((socket) => respond(socket, 'ok'));
  await named()(`http://127.0.0.1:${server.port}/token`, {
    ...GET,
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'a=b',
  });
  expect(server.received()).toMatch(/^POST \/token HTTP\/1.1\r\n/);
  expect(server.received()).toMatch(/content-type: text\/plain\r\n.*\r\n\r\na=b$/s);
});

// L2
it('reaches other hosts inside only where that is allowed', async () => {
  const server = await stranger((socket) => respond(socket, 'inside'));
  const url = `http://127.0.0.1:${server.port}/`;
  await expect(fetchWith({ hosts: ['op.example'] })(url, GET)).rejects.toThrow('must not be reached');
  expect(server.connections()).toBe(0);
  expect((await fetchWith({ allow_private_addresses: true })(url, GET)).status).toBe(200);
});

// L3
it('asks at the connection whether a name leads inside', async () => {
  const fetch = fetchWith({ resolve: async () => ['127.0.0.1'] });
  await expect(fetch('https://op.example/', GET)).rejects.toThrow('must not be reached');
});

test.each(['http://op.example/', 'http://192.168.0.2/', 'ftp://127.0.0.1/', 'https://a:b@op.example/'])(
  '%s is not fetched',
  async (url) => {
    await expect(fetchWith({ hosts: ['op.example', '192.168.0.2'] })(url, GET)).rejects.toThrow('neither https');
  },
);

// L4
it('follows no redirect', async () => {
  const server = await stranger((socket) => socket.end('HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n'));
  const answer = await named()(`http://127.0.0.1:${server.port}/`, GET);
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/elsewhere']);
  expect(server.connections()).toBe(1);
});

it('waits so long and no longer', async () => {
  const silent = await stranger(() => {});
  await expect(named({ deadline_ms: 200 })(`http://127.0.0.1:${silent.port}/`, GET)).rejects.toThrow();
  const slow = await stranger((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow'));
  await expect(named({ deadline_ms: 200 })(`http://127.0.0.1:${slow.port}/`, GET)).rejects.toThrow();
});

it('reads so much and no more', async () => {
  const server = await stranger((socket) => respond(socket, 'x'.repeat(300_000)));
  await expect(named()(`http://127.0.0.1:${server.port}/`, GET)).rejects.toThrow('more than 262144 bytes');
});

// L13
it('accepts no certificate that nobody vouches for', async () => {
  const server = await stranger((socket) => respond(socket, 'no TLS at all'));
  await expect(named()(`https://127.0.0.1:${server.port}/`, GET)).rejects.toThrow();
});
