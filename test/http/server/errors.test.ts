import type { FastifyPluginAsync } from 'fastify';
import { describe, expect, it } from 'vitest';
import { AuthError } from '../../../src/domain/errors.ts';
import type { ErrorFormat } from '../../../src/http/server/request.ts';
import { createBareServer } from '../../support/fakes/bare_server.ts';

const DIALECTS: ErrorFormat[] = ['home_assistant', 'oauth', 'api', 'page', 'plain'];

async function refuse(answers: ErrorFormat, error: unknown) {
  const routes: FastifyPluginAsync = async (app) => {
    app.get('/x', { config: { answers } }, async () => {
      throw error;
    });
  };
  const bare = createBareServer(routes, { renderErrorPage: ({ error_ref }) => `<p>${error_ref}</p>` });
  return { answer: await bare.app.inject('/x?code=SECRET'), ...bare };
}

describe('a refusal', () => {
  const blocked = new AuthError('login_blocked', 'Login blocked: User is not active', { detail: 'inner thoughts' });
  it.each<[ErrorFormat, string]>([
    ['home_assistant', '{"message":"Login blocked: User is not active"}'],
    ['oauth', '{"error":"access_denied","error_description":"Login blocked: User is not active"}'],
    ['api', '{"code":"login_blocked","message":"Login blocked: User is not active","error_ref":"REF"}'],
    ['page', '<p>REF</p>'],
    ['plain', '403: Forbidden'],
  ])('is written for %s', async (answers, body) => {
    const { answer, events } = await refuse(answers, blocked);
    expect(answer.statusCode).toBe(403);
    expect(answer.body).toBe(body.replace('REF', String(answer.headers['error-ref'])));
    expect(events).toEqual([
      expect.objectContaining({
        type: 'request.refused',
        outcome: 'refused',
        error_ref: answer.headers['error-ref'],
        remote_address: '127.0.0.1',
        detail: { code: 'login_blocked', description: blocked.description, detail: 'inner thoughts', method: 'GET', path: '/x' },
      }),
    ]);
  });

  it('names its code to Home Assistant only where its front-end acts on it', async () => {
    const { answer } = await refuse('home_assistant', new AuthError('onboarding_required', 'Onboarding not finished'));
    expect(answer.json()).toEqual({ message: 'Onboarding not finished', code: 'onboarding_required' });
  });

  it.each([
    ['unauthenticated', '401: Unauthorized'],
    ['unavailable', '503: Service Unavailable'],
  ] as const)('that Home Assistant does not word is plain: %s', async (code, body) => {
    expect((await refuse('home_assistant', new AuthError(code, 'words'))).answer.body).toBe(body);
  });

  it('by overload says when to come back', async () => {
    const { answer } = await refuse('oauth', new AuthError('unavailable', 'Busy', { retry_after: 1.5 }));
    expect([answer.statusCode, answer.headers['retry-after'], answer.json().error]).toEqual([503, '2', 'temporarily_unavailable']);
  });

  // C20
  it('of the token endpoint is not cached, and has no empty description', async () => {
    const { answer } = await refuse('oauth', new AuthError('invalid_grant', ''));
    expect([answer.headers['cache-control'], answer.headers['content-type']]).toEqual(['no-store', 'application/json; charset=utf-8']);
    expect(answer.body).toBe('{"error":"invalid_grant"}');
  });

  // C21
  it('describes itself in the alphabet of RFC 6749', async () => {
    const { answer } = await refuse('oauth', new AuthError('invalid_request', 'a"\\\r\n\té\u202eb'));
    expect(answer.json().error_description).toBe("a'??????b"); // W19
  });
});

describe('an unforeseen error', () => {
  // M15
  it.each(DIALECTS)('tells nobody what it was: %s', async (answers) => {
    const error = Object.assign(new Error('duplicate key SECRET in /srv/app.js'), { detail: 'Key (username)=(SECRET)', statusCode: 400 });
    const { answer, lines } = await refuse(answers, error);
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/SECRET|srv|stack|duplicate/);
    expect(lines.join('')).not.toContain('username');
    expect(lines.join('')).toContain(`"error_ref":"${answer.headers['error-ref']}"`);
  });

  it.each([undefined, null, 'text', 7])('may be anything: %s', async (error) => {
    expect((await refuse('api', error)).answer.statusCode).toBe(500);
  });
});

it('an unknown path is not audited', async () => {
  const { app, events } = createBareServer();
  await app.inject('/nothing');
  expect(events).toEqual([]);
});
