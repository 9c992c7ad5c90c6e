import type { FastifyPluginAsync } from 'fastify';
import { describe, expect, it } from 'vitest';
import { AuthError } from '../../../src/domain/errors.ts';
import { createBareServer } from '../../support/fakes/bare_server.ts';

const ORIGIN = 'https://home-assistant.io';
const EVIL = 'https://evil.example';

const routes: FastifyPluginAsync = async (app) => {
  app.get('/auth/providers', async () => ({}));
  app.post('/auth/token', { config: { cors: 'any', answers: 'oauth' } }, async () => {
    throw new AuthError('invalid_grant', '');
  });
};
const { app } = createBareServer(routes, { cors_allowed_origins: [ORIGIN] });

function preflight(url: string, origin: string, method: string, headers?: string) {
  const asked = headers === undefined ? {} : { 'access-control-request-headers': headers };
  return app.inject({ method: 'OPTIONS', url, headers: { origin, 'access-control-request-method': method, ...asked } });
}

describe('a preflight', () => {
  it('is answered with the method and the headers that were asked for', async () => {
    const answer = await preflight('/auth/providers', ORIGIN, 'GET', 'x-requested-with');
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET',
      'access-control-allow-headers': 'X-REQUESTED-WITH',
      vary: 'Origin',
    });
  });

  it('is answered for any origin where any may read', async () => {
    const answer = await preflight('/auth/token', EVIL, 'POST', 'content-type, authorization');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': EVIL,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'AUTHORIZATION,CONTENT-TYPE',
    });
  });

  it.each([
    ['of a foreign origin', '/auth/providers', EVIL, 'GET', undefined],
    ['for a method the route has not', '/auth/token', EVIL, 'DELETE', undefined],
    ['for a header nobody needs', '/auth/token', EVIL, 'POST', 'x-evil'],
  ])('%s is refused', async (_story, url, origin, method, headers) => {
    const answer = await preflight(url, origin, method, headers);
    expect(answer.statusCode).toBe(403);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('of an unknown path is a 404', async () => {
    expect((await preflight('/nothing', ORIGIN, 'GET')).statusCode).toBe(404);
  });
});

describe('an answer', () => {
  // C22
  it.each([
    ['GET', '/auth/providers', ORIGIN, ORIGIN],
    ['GET', '/auth/providers', EVIL, undefined],
    ['POST', '/auth/token', EVIL, EVIL],
    ['POST', '/auth/token', 'null', 'null'],
  ] as const)('to %s %s may be read by %s: %s', async (method, url, origin, want) => {
    const { headers } = await app.inject({ method, url, headers: { origin } });
    expect(headers['access-control-allow-origin']).toBe(want);
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });
});
