import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addApiPerson, type Call, callerWith, type Person } from '../../support/fixtures/api.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../../support/fixtures/server.ts';
import { enrolTotp, totpCode } from '../../support/fixtures/totp.ts';

let server: TestServer;
let owner: Call;
let person: Person;
let me: Call;
let count = 0;

beforeAll(async () => {
  const auth_mfa_modules = [{ type: 'totp' }, { type: 'passkey' }, { type: 'recovery_codes' }];
  server = await startServer({ config: { auth_mfa_modules } });
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});
afterAll(() => server.close());
beforeEach(async () => {
  count += 1;
  person = await addApiPerson(server, owner, `person${count}`);
  me = callerWith(server, person.access_token);
});

const codeFor = (secret: string, later = 0) => totpCode(secret, server.clock(), later);

/** The steps of a login by password, and by the second factor if it is asked for. */
async function logIn(secret?: string): Promise<Call> {
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
  const send = async (input: object) =>
    (await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json: { client_id: CLIENT_ID, ...input } })).json();
  let step = await send({ username: person.username, password: person.password });
  if (secret !== undefined) {
    expect(step.step_id).toBe('mfa');
    step = await send({ code: codeFor(secret, 30) });
  }
  return callerWith(server, (await server.redeem(step.result)).access_token);
}

describe('/api/me/mfa', () => {
  it('shows the modules and the caller’s factors', async () => {
    const none = (await me('GET', '/api/me/mfa')).json();
    expect(none).toEqual({
      modules: [
        { id: 'totp', type: 'totp', name: 'Authenticator app', enabled: false },
        { id: 'passkey', type: 'passkey', name: 'Passkey', enabled: false },
        { id: 'recovery_codes', type: 'recovery_codes', name: 'Recovery codes', enabled: false },
      ],
      enrolments: [],
    });
    await enrolTotp(me, server.clock());
    const [enrolment] = (await me('GET', '/api/me/mfa')).json().enrolments;
    const created_at = server.clock().toISOString();
    expect(enrolment).toEqual({ id: expect.any(String), mfa_module_id: 'totp', name: null, created_at, last_used_at: null });
    expect((await me('GET', '/api/me')).json().mfa_modules[0]).toEqual({ id: 'totp', name: 'Authenticator app', enabled: true });
  });

  // I10
  it('shows the secret while it is enrolled and in no answer afterwards', async () => {
    const form = (await me('POST', '/api/me/mfa/totp/setup')).json();
    expect(form).toMatchObject({ type: 'form', handler: 'totp', step_id: 'init', last_step: null, preview: null });
    const secret = form.description_placeholders.code;
    const json = { flow_id: form.flow_id, user_input: { code: codeFor(secret) } };
    const answers = [await me('POST', '/api/me/mfa/totp/setup', json), await me('GET', '/api/me/mfa'), await me('GET', '/api/me')];
    for (const answer of answers) expect(answer.body).not.toContain(secret);
    expect(server.lines.join()).not.toContain(secret);
  });

  // I7, I8
  it('changes nothing without a fresh login with the factor', async () => {
    const secret = await enrolTotp(me, server.clock());
    for (const url of ['/api/me/mfa/totp/setup', '/api/me/mfa/passkey/setup'])
      expect((await me('POST', url)).json()).toMatchObject({ code: 'reauth_required', error_ref: expect.any(String) });
    const removal = await me('DELETE', '/api/me/mfa/totp');
    expect([removal.statusCode, removal.json().code]).toEqual([403, 'reauth_required']);
    const fresh = await logIn(secret);
    server.advance(301);
    expect((await fresh('DELETE', '/api/me/mfa/totp')).statusCode).toBe(403);
    expect((await fresh('GET', '/api/me/mfa')).json().enrolments).toHaveLength(1);
    server.advance(-2);
    expect((await fresh('DELETE', '/api/me/mfa/totp')).statusCode).toBe(204);
    expect((await fresh('GET', '/api/me/mfa')).json().enrolments).toEqual([]);
  });

  it('takes no long-lived token for a login', async () => {
    const { token } = (await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' })).json();
    expect((await callerWith(server, token)('POST', '/api/me/mfa/totp/setup')).json().code).toBe('reauth_required');
  });

  // I7, I17
  it("does not find another user's flow or device", async () => {
    await enrolTotp(me, server.clock());
    const { flow_id } = (await owner('POST', '/api/me/mfa/totp/setup')).json();
    const [{ id }] = (await me('GET', '/api/me/mfa')).json().enrolments;
    expect((await me('POST', '/api/me/mfa/totp/setup', { flow_id, user_input: { code: '1' } })).statusCode).toBe(404);
    expect((await owner('DELETE', `/api/me/mfa/enrolments/${id}`)).statusCode).toBe(404);
    expect((await owner('PATCH', `/api/me/mfa/enrolments/${id}`, { name: 'x' })).statusCode).toBe(404);
    expect((await me('GET', '/api/me/mfa')).json().enrolments).toHaveLength(1);
  });

  it('refuses input that does not match the step', async () => {
    const { flow_id } = (await me('POST', '/api/me/mfa/totp/setup')).json();
    const setup = async (json: object, module = 'totp') => (await me('POST', `/api/me/mfa/${module}/setup`, json)).statusCode;
    expect(await setup({ flow_id, user_input: { other: 'x' } })).toBe(400);
    expect(await setup({ flow_id, user_input: { code: ['1'] } })).toBe(400);
    expect(await setup({ user_input: { code: '1' } })).toBe(400);
    expect(await setup({ flow_id, more: 1 })).toBe(400);
    expect(await setup({ flow_id: 'unknown', user_input: {} })).toBe(404);
    expect(await setup({}, 'pigeon')).toBe(404);
    expect(await setup({ flow_id, user_input: {} }, 'passkey')).toBe(404);
    expect((await me('DELETE', '/api/me/mfa/pigeon')).statusCode).toBe(404);
    expect((await server.inject({ url: '/api/me/mfa' })).statusCode).toBe(401);
  });
});

describe('DELETE /api/users/{id}/mfa', () => {
  it('removes all factors of a user who lost them, for the owner only', async () => {
    await enrolTotp(me, server.clock());
    const admin = callerWith(server, (await addApiPerson(server, owner, `admin${count}`, ['system-admin'])).access_token);
    expect((await admin('DELETE', `/api/users/${person.id}/mfa`)).statusCode).toBe(403);
    expect((await me('DELETE', `/api/users/${person.id}/mfa`)).statusCode).toBe(403);
    expect((await me('GET', '/api/me/mfa')).json().enrolments).toHaveLength(1);
    expect((await owner('DELETE', `/api/users/${person.id}/mfa`)).statusCode).toBe(204);
    expect((await me('GET', '/api/me/mfa')).json().enrolments).toEqual([]);
    expect((await owner('DELETE', '/api/users/unknown/mfa')).statusCode).toBe(404);
  });
});

describe('the login methods', () => {
  it('name no passkeys to clients that could not use them', async () => {
    const { providers } = (await server.inject({ url: '/auth/providers' })).json();
    expect(providers.map(({ type }: { type: string }) => type)).toEqual(['homeassistant']);
  });

  it('link no passkey as somebody’s login', async () => {
    const json = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['passkey', null], type: 'link_user' };
    expect((await server.inject({ method: 'POST', url: '/auth/login_flow', json })).statusCode).toBe(404);
  });
});
