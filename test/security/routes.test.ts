// What every route answers, anyone who asks and however.
import { beforeAll, describe, expect, it } from 'vitest';
import { routesOf } from '../support/checks/routes.ts';
import { raw } from '../support/clients/raw_socket.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  await server.createOwner();
});

/** Asks every route by every method of its own. */
async function everywhere(
  headers: Record<string, string>,
  look: (where: string, answer: Awaited<ReturnType<TestServer['inject']>>) => void,
) {
  for (const { url, methods } of await routesOf(server)) {
    for (const method of methods) {
      const answer = await server.inject({ method: method as 'GET', url: url.replaceAll(/:\w+/g, 'x'), headers });
      look(`${method} ${url}`, answer);
    }
  }
}

describe('every route', () => {
  it('is in the list that the tests below ask', async () => {
    const urls = (await routesOf(server)).map(({ url }) => url);
    const some = ['/', '/auth/token', '/auth/login_flow/:flow_id', '/api/', '/api/me', '/api/users/:user_id/login/password', '/healthz'];
    expect(urls).toEqual(expect.arrayContaining(some));
  });

  // M3, A23
  it('answers with the headers that keep browsers safe, and none with a 5xx', async () => {
    await everywhere({}, (where, { statusCode, headers }) => {
      expect([where, statusCode < 500]).toEqual([where, true]);
      const policy = String(headers['content-security-policy']);
      for (const part of ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) {
        expect([where, policy]).toEqual([where, expect.stringContaining(part)]);
      }
      expect([where, policy]).not.toEqual([where, expect.stringMatching(/unsafe-inline|unsafe-eval/)]);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringMatching(/^max-age=\d+/),
      });
      expect(headers).not.toHaveProperty('x-powered-by');
    });
  });

  // H23, J6
  it('makes no link, no issuer and no cookie of what the request calls the host', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example',
    };
    await everywhere(headers, (where, answer) => {
      expect([where, JSON.stringify(answer.headers) + answer.body]).not.toEqual([where, expect.stringContaining('evil.example')]);
      for (const cookie of [answer.headers['set-cookie'] ?? []].flat()) expect(cookie).toMatch(/^__Host-.*; Secure/);
    });
  });

  // N8
  it('refuses other methods with 405 and says which it has; an override changes nothing', async () => {
    for (const { url, methods } of (await routesOf(server)).filter(({ url }) => !url.includes(':'))) {
      const wrong = (['PUT', 'PATCH', 'DELETE', 'POST', 'GET'] as const).find((method) => !methods.includes(method));
      // Proxies ask by the method of the request that they ask about.
      if (wrong === undefined) {
        expect(['/auth/forward', '/auth/verify']).toContain(url);
        continue;
      }
      const answer = await server.inject({ method: wrong, url, headers: { 'x-http-method-override': 'POST' } });
      const allow = String(answer.headers.allow).split(', ');
      expect([url, answer.statusCode, allow]).toEqual([url, 405, expect.arrayContaining(methods)]);
      expect(allow).not.toContain(wrong);
    }
  });

  // N7
  it('has one spelling', async () => {
    const spellings = [
      '//auth//token',
      '/auth/%2e%2e/',
      '/auth/token/.',
      '/auth/token;a=b',
      '/AUTH/TOKEN',
      '/auth/token/',
      '/auth%2ftoken',
    ];
    for (const path of spellings) {
      const answer = await raw(await server.origin(), `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      expect([path, answer]).toEqual([path, expect.stringMatching(/^HTTP\/1.1 404 [\s\S]*\r\n\r\n404: Not Found$/)]);
    }
  });
});
