// The server before any route: limits, paths, methods, headers, request ids, logs.
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { formBody, jsonBody } from '../../../src/http/server/body.ts';
import { createBareServer } from '../../support/fakes/bare_server.ts';

const routes: FastifyPluginAsync = async (app) => {
  app.get('/thing', async () => ({ thing: true }));
  app.post('/thing', { config: { answers: 'home_assistant' } }, async (request) => jsonBody(request, z.strictObject({ name: z.string() })));
  app.post('/form', { config: { answers: 'oauth' } }, async (request) => Object.fromEntries(await formBody(request)));
  app.get('/thing/:thing_id', async () => ({ thing: true }));
  app.get('/broken', { config: { answers: 'api' } }, async () => {
    throw new Error('select secret from table at /srv/app.js');
  });
};

let bare: ReturnType<typeof createBareServer>;
let app: FastifyInstance;
let port: number;

beforeAll(async () => {
  bare = createBareServer(routes);
  app = bare.app;
  await app.listen({ port: 0, host: '127.0.0.1' });
  port = (app.server.address() as AddressInfo).port;
});
afterAll(() => app.close());

/** Writes raw bytes and reads until the other side closes or says nothing for long. */
async function raw(text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  socket.write(text);
  socket.setTimeout(3000, () => socket.destroy());
  await once(socket, 'close');
  return answer;
}

describe('every answer', () => {
  const cases: [string, { method: string; url: string; payload?: string }, number][] = [
    ['a success', { method: 'GET', url: '/thing' }, 200],
    ['an unknown path', { method: 'GET', url: '/nothing' }, 404],
    ['a wrong method', { method: 'PUT', url: '/thing' }, 405],
    ['a bad body', { method: 'POST', url: '/thing', payload: '{' }, 400],
    ['a path that cannot be decoded', { method: 'GET', url: '/thing/%zz' }, 400],
    ['an unforeseen error', { method: 'GET', url: '/broken' }, 500],
  ];
  // A23, A24, M3
  it.each(cases)('carries the security headers: %s', async (_story, request, status) => {
    const answer = await app.inject(request as never);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'strict-transport-security': 'max-age=31536000',
    });
    const policy = answer.headers['content-security-policy'];
    for (const part of ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toContain('unsafe-inline');
    if (status >= 400) expect(answer.headers['error-ref']).toMatch(/^[0-9a-f]{10}$/);
    else expect(answer.headers['error-ref']).toBeUndefined();
  });

  it('promises https only where the public URL is https', async () => {
    const plain = createBareServer(routes, { public_url: 'http://localhost:8420' }).app;
    expect((await plain.inject('/thing')).headers['strict-transport-security']).toBeUndefined();
  });

  // N13
  it('never takes its reference from the request', async () => {
    const answer = await app.inject({ url: '/nothing', headers: { 'x-request-id': 'mine', 'request-id': 'mine' } });
    expect(answer.headers['error-ref']).not.toBe('mine');
  });
});

describe('paths and methods', () => {
  // N7
  it.each(['/nothing', '//thing', '/form/', '/THING', '/thing;a=b', '/x/%252e%252e/thing', '/thing/1/2', '/thing/.%00/'])(
    '%s is like any unknown path',
    async (url) => {
      const answer = await app.inject({ method: 'GET', url });
      expect([answer.statusCode, answer.body]).toEqual([404, '404: Not Found']);
    },
  );

  it('dot segments are not resolved', async () => {
    expect(await raw('GET /x/%2e%2e/thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 404 /);
    expect(await raw('GET /x/../thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 404 /);
  });

  // C10, N8
  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    '%s on a path that has other methods is 405 with Allow',
    async (method) => {
      const answer = await raw(`${method} /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 405 /);
      expect(answer).toMatch(/^allow: GET, HEAD, POST\r$/m);
      expect(answer).toContain('\r\n\r\n405: Method Not Allowed');
    },
  );

  it('CONNECT gets no tunnel', async () => {
    expect(await raw('CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n')).not.toContain(' 200 ');
  });

  it('HEAD is GET without a body', async () => {
    const [head, get] = [await app.inject({ method: 'HEAD', url: '/thing' }), await app.inject('/thing')];
    expect([head.statusCode, head.body]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  it('the override headers override nothing', async () => {
    const answer = await app.inject({ method: 'GET', url: '/thing', headers: { 'x-http-method-override': 'POST' } });
    expect(answer.json()).toEqual({ thing: true });
  });
});

describe('bounds', () => {
  // N1
  it('a body above 64 kB is 413', async () => {
    const answer = await app.inject({ method: 'POST', url: '/form', payload: Buffer.alloc(64 * 1024 + 1, 'a') });
    expect(answer.statusCode).toBe(413);
    expect(answer.json()).toEqual({ error: 'invalid_request', error_description: 'Body is too large' });
  });

  it('an endless chunked body is 413 and the connection closes', async () => {
    const chunk = `${(32 * 1024).toString(16)}\r\n${'a'.repeat(32 * 1024)}\r\n`;
    const answer = await raw(`POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  // N2
  it.each([
    ['100 kB of headers', `X-Big: ${'a'.repeat(100_000)}\r\n`],
    ['2,000 headers', Array.from({ length: 2000 }, (_, n) => `a${n}: b\r\n`).join('')],
    ['200 short headers', Array.from({ length: 200 }, (_, n) => `a${n}: b\r\n`).join('')],
    ['a cookie of 16 kB', `Cookie: a=${'b'.repeat(16 * 1024)}\r\n`],
  ])('%s are 431', async (_story, headers) => {
    const answer = await raw(`GET /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
    expect(answer).toMatch(/^x-frame-options: DENY\r$/m);
  });

  // N6
  it.each([
    ['both lengths', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n'],
    ['an unknown transfer encoding', 'Transfer-Encoding: xchunked\r\n'],
    ['bare line feeds', 'X-A: b\nX-C: d\n'],
  ])('a request with %s is 400 and the connection closes', async (_story, headers) => {
    const answer = await raw(`POST /form HTTP/1.1\r\nHost: x\r\n${headers}\r\nabc`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  // N9
  it.each(['gzip', 'br', 'deflate'])('a body in %s is 415', async (encoding) => {
    const answer = await app.inject({ method: 'POST', url: '/form', headers: { 'content-encoding': encoding }, payload: 'a=b' });
    expect(answer.statusCode).toBe(415);
  });
});

describe('the log', () => {
  // H25
  it('names the path, and neither query, headers nor body', async () => {
    const headers = { authorization: 'Bearer SECRET1', cookie: 'a=SECRET2', 'user-agent': 'SECRET3\u001b[31m' };
    await app.inject({ method: 'POST', url: '/form?code=SECRET4', headers, payload: 'password=SECRET5&password=x' });
    expect(bare.lines.join('')).not.toMatch(/SECRET/);
    expect(bare.lines.some((line) => line.includes('"path":"/form"'))).toBe(true);
  });

  it('is one line for each thing', async () => {
    await app.inject({ method: 'GET', url: `/a%0d%0ab/${'x'.repeat(5000)}` });
    for (const line of bare.lines) expect([line.match(/\n/g)?.length, line.length < 8192]).toEqual([1, true]);
  });
});
