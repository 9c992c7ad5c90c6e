// What the server keeps of a day, and what browsers keep of it.
import { beforeAll, describe, expect, it } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, REDIRECT_URI, startServer } from '../support/fixtures/server.ts';

const server = perFile(() => startServer({ config: { http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  await server.createOwner();
});

describe('what is kept of a day', () => {
  // H25, M1
  it('no password, code, token or cookie is in the log or the audit events, and each line is one line', async () => {
    const { username, password } = OWNER;
    const person = visitor(server);
    const query = new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state: 'SECRET-state' });
    const url = `/auth/authorize?${query}`;
    const wrong = await person.submit(url, await (await person.get(url)).text(), {
      username: 'ada\r\n\u001b[2J',
      password: 'SECRET-wrong',
    });
    const location = (await person.submit(url, await wrong.text(), { username, password })).headers.get('location')!;
    const code = new URL(location).searchParams.get('code')!;
    const { access_token: token, refresh_token } = await server.redeem(code);
    await server.inject({ url: `/api/me?access_token=${token}`, token });
    const json = { client_name: 'script', lifespan: 1 };
    const long_lived = (await server.inject({ method: 'POST', url: '/api/me/long_lived_access_tokens', json, token })).json().token;
    const passwords = { current_password: 'SECRET-current', new_password: 'SECRET-new-password' };
    await server.inject({ method: 'POST', url: '/api/me/password', json: passwords, token });
    await server.inject({ url: '/api/me', headers: { 'user-agent': 'evil\u001b[31m\r\n' } });
    await server.inject({ url: `/SECRET-path-is-no-secret/${'x'.repeat(64 * 1024)}` });
    await server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: 'authorization_code', client_id: CLIENT_ID, code } });
    await server.inject({ method: 'POST', url: '/auth/token', form: { grant_type: 'refresh_token', client_id: 'SECRET', refresh_token } });
    await server.container.audit.flush();
    const events = await server.container.database.kysely.selectFrom('audit_events').selectAll().execute();
    const kept = server.lines.join('') + JSON.stringify(events);
    const cookies = [...person.jar.values()];
    expect(cookies.length).toBeGreaterThanOrEqual(2);
    const secrets = [code, token, refresh_token, long_lived, OWNER.password, server.container.onboarding.setupToken(), ...cookies];
    for (const secret of [...secrets, ...['state', 'wrong', 'current', 'new'].map((word) => `SECRET-${word}`)])
      expect(kept).not.toContain(secret);
    for (const line of server.lines) {
      expect([line.match(/\n/g)?.length, line.length < 16_384, line.includes('\u001b')]).toEqual([1, true, false]);
      expect(JSON.parse(line)).toBeTypeOf('object');
    }
  });

  // M1
  it('cookies are of this host, of https, and not for scripts', async () => {
    const person = visitor(server);
    const url = `/auth/authorize?${new URLSearchParams({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI })}`;
    const page = await person.get(url);
    const { username, password } = OWNER;
    const answer = await person.submit(url, await page.text(), { username, password });
    const cookies = [...page.headers.getSetCookie(), ...answer.headers.getSetCookie()];
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual([
      ...['__Host-latchkey_login', '__Host-latchkey_session', '__Host-latchkey_device'],
    ]);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
      expect(cookie.length).toBeLessThan(4096);
    }
  });
});
