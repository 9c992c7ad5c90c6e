// Who may call what, generated from the table of routes: a route cannot be added without being
// asked by everybody here. M6
import { beforeAll, expect, it } from 'vitest';
import { apiRoutes } from '../../../src/http/api/api_routes.ts';
import type { RequiredRole } from '../../../src/http/server/bearer_guard.ts';
import { addApiPerson, type Call, callerWith } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

let callers: Record<string, Call>;

const server = perFile(() => startServer());
beforeAll(async () => {
  const owner = callerWith(server, (await server.ownerTokens()).access_token);
  const [user, reader, admin, disabled] = [
    await addApiPerson(server, owner, 'user'),
    await addApiPerson(server, owner, 'reader', ['system-read-only']),
    await addApiPerson(server, owner, 'admin', ['system-admin']),
    await addApiPerson(server, owner, 'disabled', ['system-admin']),
  ];
  const long_lived = await callerWith(server, user.access_token)('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' });
  await owner('PATCH', `/api/users/${disabled.id}`, { is_active: false });
  callers = {
    nobody: callerWith(server, undefined),
    disabled: callerWith(server, disabled.access_token),
    user: callerWith(server, user.access_token),
    reader: callerWith(server, reader.access_token),
    long_lived: callerWith(server, long_lived.json().token),
    admin: callerWith(server, admin.access_token),
    owner,
  };
});

const ALLOWED: Record<string, readonly RequiredRole[]> = {
  nobody: [],
  disabled: [],
  user: ['anyone'],
  reader: ['anyone'],
  long_lived: ['anyone'],
  admin: ['anyone', 'admin'],
  owner: ['anyone', 'admin', 'approver', 'owner'],
};

it.each(Object.entries(ALLOWED))('%s may call routes for %j alone', async (name, allowed) => {
  const refusal = name === 'nobody' || name === 'disabled' ? 401 : 403;
  for (const { method, url, who } of apiRoutes(server.container)) {
    // What is allowed gets no further than this: an id of nobody, a body that does not fit.
    const path = url.replace(/:\w+/g, '0'.repeat(32));
    const body = method === 'GET' || method === 'DELETE' ? undefined : { unknown: 1 };
    const answer = await callers[name]!(method, path, body);
    const want = allowed.includes(who) ? [200, 400, 404] : [refusal];
    // Past the guard; see test/security/fresh_login.test.ts.
    const is_stale = name === 'long_lived' && answer.body.includes('"reauth_required"') && allowed.includes(who);
    expect([method, url, is_stale || want.includes(answer.statusCode) || answer.statusCode]).toEqual([method, url, true]);
  }
});

it('the table names every route below /api that takes a token', async () => {
  const routes = server.server.printRoutes({ commonPrefix: false });
  for (const { url } of apiRoutes(server.container)) expect(routes).toContain(url.split('/').at(-1));
});
