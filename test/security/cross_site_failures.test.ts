// What a page of another site can make a visitor's browser send neither bans nor blocks the
// visitor.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, startServer } from '../support/fixtures/server.ts';

const VISITOR = '198.51.100.1';
/**
 * As Chromium sends a form of an evil page: over https, over plain http, and from a sandboxed frame
 * there.
 */
const EVIL: [string, Record<string, string>][] = [
  ['over https', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['over plain http', { origin: 'http://evil.example' }],
  ['from a sandboxed frame', { origin: 'null' }],
];

const server = perFile(() =>
  startServer({
    config: {
      clients: [{ client_id: 'web', client_secret: 'a secret of the web app', redirect_uris: [], grant_types: ['client_credentials'] }],
    },
  }),
);
beforeAll(async () => {
  await server.createOwner();
});
beforeEach(async () => {
  // Beyond what any bucket remembers.
  server.advance(7200);
  await server.container.database.kysely.deleteFrom('failed_logins').execute();
});

const post = (url: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  server.inject({ method: 'POST', url, form, headers, remote_address: VISITOR });
const unknownToken = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: 'unknown' };
const visit = async () => (await server.inject({ url: '/auth/providers', remote_address: VISITOR })).statusCode;

// S9
describe.each(EVIL)('a page of another site %s', (_how, headers) => {
  it('gets nobody banned, and refuses only further requests of its kind', async () => {
    const statuses = [];
    for (let n = 0; n < 11; n += 1) statuses.push((await post('/auth/token', unknownToken, headers)).statusCode);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429, 429, 429, 429, 429, 429]);
    expect(await visit()).toBe(200);
    expect((await post('/auth/token', unknownToken)).statusCode).toBe(400);
    server.advance(60);
    expect((await post('/auth/token', unknownToken, headers)).statusCode).toBe(400);
  });

  const secret = 'a secret of the web app';
  const basic = { authorization: `Basic ${Buffer.from(`web:${secret}`).toString('base64')}` };
  it.each<[string, string, Record<string, string>, Record<string, string>]>([
    ['a client secret', '/auth/token', { grant_type: 'client_credentials', client_id: 'web', client_secret: secret }, {}],
    ['Basic credentials', '/auth/token', { grant_type: 'client_credentials' }, basic],
    ['Basic credentials', '/auth/introspect', { token: 'x' }, basic],
    ['an assertion', '/auth/par', { client_assertion: 'x', client_assertion_type: 'x' }, {}],
    ['a password', '/auth/token', { grant_type: 'password', username: 'ada', password: 'x' }, {}],
  ])('sends %s to %s in vain, right or wrong', async (_what, url, form, more) => {
    for (let n = 0; n < 11; n += 1) {
      const answer = await post(url, form, { ...headers, ...more });
      expect([answer.statusCode, answer.json()]).toEqual([
        403,
        { error: 'access_denied', error_description: 'Cross-site request refused' },
      ]);
    }
    expect(await visit()).toBe(200);
    expect(await server.container.database.kysely.selectFrom('failed_logins').select('address').execute()).toEqual([]);
  });
});

// S9
it('the headers free nobody of a limit: a program that sends them guesses no more often', async () => {
  for (let n = 0; n < 9; n += 1) await post('/auth/token', unknownToken);
  for (let n = 0; n < 9; n += 1) await post('/auth/token', unknownToken, EVIL[0]![1]);
  await post('/auth/token', unknownToken);
  expect(await visit()).toBe(403);
});

it('an app in the browser of another origin trades its code', async () => {
  const code = await server.login();
  const answer = await post('/auth/token', { grant_type: 'authorization_code', client_id: CLIENT_ID, code }, EVIL[0]![1]);
  expect([answer.statusCode, answer.headers['access-control-allow-origin']]).toEqual([200, 'https://evil.example']);
});
