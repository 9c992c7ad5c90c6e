// Requests that are too large, too many, or no requests at all, over real sockets where a client
// library would not send them.
import { beforeAll, describe, expect, it } from 'vitest';
import { raw } from '../support/clients/raw_socket.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';

const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  await server.createOwner();
});

describe('a request that is too much', () => {
  const flow = (payload: string | Buffer) => server.inject({ method: 'POST', url: '/auth/login_flow', payload });

  // N1
  it('is 413', async () => {
    for (const url of ['/auth/token', '/auth/revoke', '/auth/login_flow', '/api/onboarding/users']) {
      expect([url, (await server.inject({ method: 'POST', url, payload: 'a'.repeat(1024 * 1024 + 1) })).statusCode]).toEqual([url, 413]);
    }
    const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`;
    const endless = `POST /auth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`;
    const answer = await raw(await server.origin(), endless);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  // N2
  it.each([
    ['100 kB of headers', `X-Big: ${'a'.repeat(100_000)}\r\n`],
    ['2,000 headers', Array.from({ length: 2000 }, (_, n) => `a${n}: b\r\n`).join('')],
    ['a cookie of 16 kB', `Cookie: a=${'b'.repeat(16 * 1024)}\r\n`],
  ])('is 431 with %s', async (_story, headers) => {
    expect(await raw(await server.origin(), `GET /auth/providers HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  // N3
  it.each([
    ['a depth of 10,000', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['a number that is none', '{"client_id":1e309}'],
    ['a key twice', '{"client_id":"a","client_id":"b"}'],
    ['__proto__', '{"__proto__":{"polluted":true}}'],
    ['constructor', '{"constructor":{"prototype":{"polluted":true}}}'],
    ['a comma too many', '{"client_id":"a",}'],
    ['a byte order mark', '\ufeff{}'],
  ])('is 400 with JSON of %s, at once', async (_story, payload) => {
    const began = performance.now();
    expect((await flow(payload)).statusCode).toBe(400);
    expect(performance.now() - began).toBeLessThan(500);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  // N5
  it.each([
    ['overlong', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['a surrogate in bytes', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a surrogate in an escape', Buffer.from('{"client_id":"\\ud800"}')],
  ])('is 400 with text that is %s', async (_story, payload) => {
    expect((await flow(payload)).statusCode).toBe(400);
  });

  // N4
  it.each(['%', '%zz=a', 'token=%00', Array.from({ length: 5000 }, (_, n) => `a${n}=b`).join('&'), 'a[]=1&a[b]=2', 'grant_type=a;b=c'])(
    'is 400 with the form %.20s',
    async (payload) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await server.inject({ method: 'POST', url: '/auth/token', payload, headers });
      expect(answer.statusCode).toBe(400);
    },
  );

  // N6
  it.each([
    ['both lengths', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n'],
    ['an unknown transfer encoding', 'Transfer-Encoding: xchunked\r\n'],
    ['bare line feeds', 'X-A: b\nX-C: d\n'],
  ])('is 400 with %s, and the connection closes', async (_story, headers) => {
    const answer = await raw(await server.origin(), `POST /auth/token HTTP/1.1\r\nHost: x\r\n${headers}\r\nabc`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/^connection: close\r$/im);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  // N9
  it('is 415 when it is compressed', async () => {
    for (const encoding of ['gzip', 'br']) {
      const answer = await server.inject({ method: 'POST', url: '/auth/token', payload: 'x', headers: { 'content-encoding': encoding } });
      expect(answer.statusCode).toBe(415);
    }
  });

  // N13
  it('names itself in vain', async () => {
    for (const id of ['a\u0001b', 'x'.repeat(10_000)]) {
      const answer = await server.inject({ url: '/api/me', headers: { 'x-request-id': id } });
      expect(answer.headers['error-ref']).toMatch(/^[0-9a-f]{10}$/);
    }
  });

  // N12
  it('is 429 after a hundred logins under way from one address, and rows stay that few', async () => {
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
    const begin = () => server.inject({ method: 'POST', url: '/auth/login_flow', json, remote_address: '198.51.100.77' });
    const statuses = [];
    for (let n = 0; n < 120; n += 1) statuses.push((await begin()).statusCode);
    expect([statuses.filter((status) => status === 200).length, statuses.at(-1)]).toEqual([100, 429]);
    const rows = server.container.database.kysely.selectFrom('login_flows').select('id').where('remote_address', '=', '198.51.100.77');
    expect(await rows.execute()).toHaveLength(100);
    server.advance(601);
    expect((await begin()).statusCode).toBe(200);
  });
});
