import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { AuthProvider, ProviderStep } from '../../src/domain/auth_provider.ts';
import { sha256 } from '../../src/domain/secret.ts';
import type { LoginResult } from '../../src/login/login.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, APP, addUser, CALLBACK, createLoginServices, type LoginServices } from '../support/fixtures/login.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let services: LoginServices;
let known: { user_id: string; credential_id: string };

/** A provider of one step, whatever is sent. */
function stepping(type: string, step: (state: object, values: object | null) => ProviderStep, refusal: string | null = null): AuthProvider {
  const rest = {
    auth_provider_id: null,
    name: type,
    support_mfa: true,
    new_users: 'activate',
    default_groups: [],
    require_mfa: false,
  } as const;
  return {
    ...rest,
    default_groups: [],
    auth_provider_type: type,
    refusal: () => refusal,
    step: async ({ state, values }) => step(state, values),
  };
}

const two_forms = stepping('two_forms', (state, values) => {
  const field = 'asked' in state ? 'second' : 'first';
  if (values && field === 'second') return { type: 'identity', identity: { subject: 'known-user', data: {}, name: null, amr: [] } };
  const state_after = values || field === 'second' ? { asked: true } : {};
  const name = 'asked' in state_after ? 'second' : 'first';
  return { type: 'form', step_id: name, data_schema: [{ type: 'string', name, required: true }], errors: null, state: state_after };
});

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  known = await addUser(db.database, 'known-user');
  await addUser(db.database, 'known-user-too', {}, 'two_forms');
});
beforeEach(async () => {
  for (const table of ['login_flows', 'failed_logins', 'ip_bans', 'authorization_codes'] as const)
    await db.database.kysely.deleteFrom(table).execute();
  services = createLoginServices(db.database, {
    providers: [
      two_forms,
      stepping('refusing', () => ({ type: 'abort', reason: 'unreachable' }), 'Not in trusted_networks'),
      stepping('aborting', () => ({ type: 'abort', reason: 'provider_gone' })),
      stepping('external', () => ({ type: 'external', step_id: 'op', url: 'https://op.example/', state: { state: 's', nonce: 'n' } })),
      stepping('bypass', () => ({
        type: 'identity',
        identity: { subject: 'bypassed', data: {}, name: 'B', user_id: known.user_id, amr: [] },
      })),
    ],
  });
});

const json = { client_id: APP, remote_address: ABROAD, browser_hash: null };
const page = { client_id: APP, remote_address: ABROAD, browser_hash: sha256('browser') };
const asked = {
  redirect_uri: CALLBACK,
  flow_type: 'authorize' as const,
  handler: ['insecure_example', null] as [string, null],
  code_challenge: null,
};
const right = { username: 'known-user', password: 'test-pass' };
const wrong = { username: 'known-user', password: 'wrong' };

const begin = async (differs: object = {}) => (await services.login.start({ ...json, ...asked, ...differs })).step.flow_id;
const submit = (flow_id: string, input: Record<string, unknown> = right, differs: object = {}) =>
  services.login.resume({ ...json, flow_id, input, ...differs });
const openFlows = async () => await db.database.kysely.selectFrom('login_flows').selectAll().execute();
const codes = async () => await db.database.kysely.selectFrom('authorization_codes').selectAll().execute();
const failures = async () =>
  (await db.database.kysely.selectFrom('failed_logins').select('failures').execute()).reduce((sum, row) => sum + row.failures, 0);

const unknown_flow = { code: 'unknown_flow', status: 404, description: 'Invalid flow specified' };

describe('beginning', () => {
  it('answers the first step with every key in place', async () => {
    const { step, failed } = await services.login.start({ ...json, ...asked });
    expect(failed).toBe(false);
    expect(step).toEqual({
      type: 'form',
      flow_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      handler: ['insecure_example', null],
      step_id: 'init',
      data_schema: [
        { type: 'string', name: 'username', required: true },
        { type: 'string', name: 'password', required: true },
      ],
      errors: null,
      description_placeholders: null,
      last_step: null,
      preview: null,
    });
  });

  test.each<[string, object, object]>([
    [
      'a client_id that is no URL',
      { client_id: 'ftp://ex.com', handler: ['nope', null] },
      { code: 'invalid_client_id', status: 400, description: 'Invalid client id' },
    ],
    [
      'an unknown provider',
      { handler: ['nope', null] },
      { code: 'invalid_handler', status: 404, description: 'Invalid handler specified' },
    ],
    ['an unknown id of a known provider', { handler: ['insecure_example', 'x'] }, { code: 'invalid_handler' }],
    ['an empty id', { handler: ['insecure_example', ''] }, { code: 'invalid_handler' }],
    ['no type', { handler: [null, null] }, { code: 'invalid_handler' }],
    ['a redirect URI that no column can hold', { redirect_uri: 'https://example.com/\0' }, { code: 'invalid_redirect_uri' }],
  ])('with %s is refused and stores nothing', async (_story, differs, error) => {
    await expect(begin(differs)).rejects.toMatchObject(error);
    expect(await openFlows()).toEqual([]);
  });

  it('takes a redirect URI that is not the client’s: it is judged at the end', async () => {
    expect(await begin({ redirect_uri: 'https://evil.example/' })).toMatch(/^[0-9a-f]{32}$/);
  });

  it('at a provider that lets nobody in from there finds no such handler', async () => {
    const begun = services.login.start({ ...json, ...asked, handler: ['refusing', null] });
    await expect(begun).rejects.toMatchObject({ code: 'invalid_handler', status: 404 });
  });

  it('may end at once', async () => {
    const { step } = await services.login.start({ ...json, ...asked, handler: ['bypass', null] });
    expect(step.type).toBe('create_entry');
    expect(await openFlows()).toEqual([]);
  });

  it('may lead elsewhere, and what comes back finds the state', async () => {
    const { step } = await services.login.start({ ...json, ...asked, handler: ['external', null] });
    expect(step).toEqual({
      type: 'external',
      flow_id: expect.any(String),
      handler: ['external', null],
      step_id: 'op',
      url: 'https://op.example/',
      description_placeholders: null,
    });
    expect(await openFlows()).toMatchObject([{ id: step.flow_id, step_id: 'op', provider_state: { nonce: 'n' } }]);
  });

  // N12
  it('is refused to a network with a hundred open flows, until they expire', async () => {
    for (let index = 0; index < 100; index += 1) await begin({ remote_address: `2001:db8::${index}` });
    await expect(begin({ remote_address: '2001:db8::ffff' })).rejects.toMatchObject({ code: 'too_many_requests', status: 429 });
    expect(await openFlows()).toHaveLength(100);
    await begin({ remote_address: '2001:db8:0:1::1' });
    services.time.advance(600);
    await begin({ remote_address: '2001:db8::ffff' });
  });
});

describe('a right answer', () => {
  it('ends the flow with a code for the client of that request', async () => {
    const flow_id = await begin({ code_challenge: 'c'.repeat(43) });
    services.time.advance(60);
    const { step, failed, login } = await submit(flow_id);
    if (step.type !== 'create_entry') throw new Error(step.type);
    expect(Object.keys(step).sort()).toEqual(['description', 'description_placeholders', 'flow_id', 'handler', 'result', 'type']);
    expect(step).toMatchObject({ flow_id, handler: ['insecure_example', null], description: null, description_placeholders: null });
    expect(failed).toBe(false);
    const facts = {
      ...known,
      auth_provider_type: 'insecure_example',
      auth_provider_id: null,
      auth_time: services.clock(),
      amr: ['pwd'],
      redirect_uri: CALLBACK,
    };
    expect(login).toEqual(facts);
    const [code] = await codes();
    expect(code).toMatchObject({
      ...facts,
      client_id: APP,
      purpose: 'authorize',
      code_hash: sha256(step.result),
      code_challenge: 'c'.repeat(43),
    });
    expect(code!.expires_at.getTime() - services.clock().getTime()).toBe(600_000);
    expect(await openFlows()).toEqual([]);
    expect(services.events).toMatchObject([
      { type: 'login.succeeded', target_user_id: known.user_id, client_id: APP, remote_address: ABROAD },
    ]);
  });

  it('given twice at once gets one code; the other answer finds no flow', async () => {
    const flow_id = await begin();
    const replica = createLoginServices(db.database, { time: services.time });
    const all = await Promise.allSettled([services, replica].map(({ login }) => login.resume({ ...json, flow_id, input: right })));
    expect(all.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(all.find(({ status }) => status === 'rejected')).toMatchObject({ reason: unknown_flow });
    expect(await codes()).toHaveLength(1);
    await expect(submit(flow_id)).rejects.toMatchObject(unknown_flow);
  });

  it('may lead to another form, which the flow remembers', async () => {
    const flow_id = await begin({ handler: ['two_forms', null] });
    expect((await submit(flow_id, { first: 'a' })).step).toMatchObject({ type: 'form', flow_id, step_id: 'second' });
    await expect(submit(flow_id, { first: 'a' })).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await submit(flow_id, { second: 'b' })).step).toMatchObject({ type: 'create_entry' });
  });

  it('given twice at once moves the flow once', async () => {
    const flow_id = await begin({ handler: ['two_forms', null] });
    const all = await Promise.allSettled([submit(flow_id, { first: 'a' }), submit(flow_id, { first: 'b' })]);
    expect(all.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await openFlows()).toMatchObject([{ version: 1 }]);
  });

  it('to a flow that links a login ends in a code that is nobody’s', async () => {
    const { step, login } = await submit(await begin({ flow_type: 'link_user' }), { ...right, username: 'other-user' });
    expect(step.type).toBe('create_entry');
    expect(login).toBeUndefined();
    expect(await codes()).toMatchObject([
      { purpose: 'link_user', user_id: null, credential_id: null, identity: { subject: 'other-user' } },
    ]);
    expect(await services.credentials.findIdentity(services.providers.get('insecure_example:')!, 'other-user')).toBeUndefined();
  });
});

describe('a wrong answer', () => {
  it('shows the form again, leaves the flow, and is counted once', async () => {
    const flow_id = await begin();
    for (const input of [wrong, { username: 'nobody', password: 'x' }]) {
      const { step, failed } = await submit(flow_id, input);
      expect(step).toMatchObject({ type: 'form', flow_id, step_id: 'init', errors: { base: 'invalid_auth' } });
      expect(failed).toBe(false);
    }
    expect(await failures()).toBe(2);
    expect(await openFlows()).toMatchObject([{ version: 0 }]);
    expect((await submit(flow_id)).step.type).toBe('create_entry');
    expect(services.events).toMatchObject([{ type: 'login.failed' }, { type: 'login.failed' }, { type: 'login.succeeded' }]);
  });

  it('in parallel is looked at once, and the others get flow_in_progress', async () => {
    const flow_id = await begin();
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => submit(flow_id, wrong)));
    const shown = all.map((answer) => (answer.status === 'fulfilled' ? answer.value.step.type : answer.reason.code));
    expect(shown.sort()).toEqual([...Array(4).fill('flow_in_progress'), 'form']);
    expect((await submit(flow_id)).step.type).toBe('create_entry');
  });

  // H2
  it('beyond the threshold is not looked at: JSON sees a wrong password, the page a 429', async () => {
    const flow_id = await begin();
    for (let time = 0; time < 10; time += 1) await submit(flow_id, wrong);
    expect((await submit(flow_id)).step).toMatchObject({ type: 'form', errors: { base: 'invalid_auth' } });
    expect(await failures()).toBe(11);
    await expect(services.login.start({ ...page, ...asked, input: right })).rejects.toMatchObject({
      code: 'too_many_requests',
      retry_after: 3600,
    });
    expect(await codes()).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    // H26
    ...[
      ['array', []],
      ['object', {}],
      ['number', 1],
      ['null', null],
    ].map(([kind, value]): [string, Record<string, unknown>] => [`a username that is ${kind}`, { ...right, username: value }]),
    ['a field too many', { ...right, __proto__x: 'x' }],
    ['a field named __proto__', JSON.parse('{"username":"known-user","password":"test-pass","__proto__":"x"}')],
    ['no password', { username: 'known-user' }],
    ['nothing', {}],
    ['a NUL', { ...right, password: 'a\0' }],
  ])('that does not fit the form (%s) is refused, and the flow stays', async (_story, input) => {
    const flow_id = await begin();
    await expect(submit(flow_id, input)).rejects.toMatchObject({ code: 'invalid_input', status: 400, description: 'User input malformed' });
    expect((await submit(flow_id)).step.type).toBe('create_entry');
  });
});

describe('what is judged at the end', () => {
  const refusedEnd = async (flow_id: string, input: Record<string, unknown>, differs: object, error: object) => {
    await expect(submit(flow_id, input, differs)).rejects.toMatchObject(error);
    expect(await openFlows()).toEqual([]);
    expect(await codes()).toEqual([]);
  };
  const invalid_redirect_uri = { code: 'invalid_redirect_uri', status: 403, description: 'Invalid redirect URI' };

  it('is the redirect URI, with the client_id of the last request', async () => {
    await refusedEnd(await begin(), right, { client_id: 'https://other.example/' }, invalid_redirect_uri);
    expect(services.events).toMatchObject([{ type: 'login.blocked', outcome: 'refused', detail: { reason: 'Invalid redirect URI' } }]);
  });

  // H14
  it('is the redirect URI before anything is written: nobody new is made', async () => {
    const flow_id = await begin({ redirect_uri: 'https://evil.example/' });
    await refusedEnd(flow_id, { username: 'test-user', password: 'test-pass' }, {}, invalid_redirect_uri);
    expect(await services.credentials.findIdentity(services.providers.get('insecure_example:')!, 'test-user')).toBeUndefined();
  });

  test.each<[string, object, string, string]>([
    ['inactive', { is_active: false }, ABROAD, 'User is not active'],
    ['local only', { local_only: true }, ABROAD, 'User cannot authenticate remotely'],
  ])('is whether the user may log in: one who is %s may not', async (story, differs, remote_address, reason) => {
    const [username] = story.split(' ');
    const replica = createLoginServices(db.database, {
      time: services.time,
      providers: [stepping('local', () => ({ type: 'identity', identity: { subject: username!, data: {}, name: null, amr: [] } }))],
    });
    await addUser(db.database, username!, differs, 'local');
    const begun = replica.login.start({ ...json, ...asked, remote_address, handler: ['local', null] });
    await expect(begun).rejects.toMatchObject({ code: 'login_blocked', status: 403, description: `Login blocked: ${reason}` });
    expect(await codes()).toEqual([]);
  });

  it('is a user who waits for approval: made, and turned away each time', async () => {
    const approving = createLoginServices(db.database, { time: services.time, example: { new_users: 'approve' } });
    for (const _ of ['made now', 'still waiting']) {
      const { flow_id } = (await approving.login.start({ ...json, ...asked })).step;
      const submitted = approving.login.resume({ ...json, flow_id, input: { username: 'test-user', password: 'test-pass' } });
      await expect(submitted).rejects.toMatchObject({
        code: 'login_blocked',
        status: 403,
        description: 'Login blocked: User is not active',
      });
    }
    expect(await codes()).toEqual([]);
    const pending = await db.database.kysely.selectFrom('users').selectAll().where('is_pending', '=', true).execute();
    expect(pending).toMatchObject([{ name: 'Name of test-user', is_active: false }]);
  });

  it('is a provider that demands a second factor: nobody has one yet', async () => {
    const strict = createLoginServices(db.database, { time: services.time, example: { require_mfa: true } });
    const { flow_id } = (await strict.login.start({ ...json, ...asked })).step;
    await expect(strict.login.resume({ ...json, flow_id, input: right })).rejects.toMatchObject({ code: 'login_blocked' });
  });
});

describe('who may continue', () => {
  // H13
  it('with a JSON flow is the address that began it; the flow stays for it', async () => {
    const flow_id = await begin({ remote_address: '10.2.3.1' });
    await expect(submit(flow_id)).rejects.toMatchObject({ code: 'ip_address_changed', status: 400, description: 'IP address changed' });
    expect((await submit(flow_id, right, { remote_address: '10.2.3.1' })).step.type).toBe('create_entry');
  });

  it('with a page’s flow is its browser, from any address', async () => {
    const first = await services.login.start({ ...page, ...asked, input: wrong });
    const { flow_id } = first.step;
    await expect(submit(flow_id, right, { browser_hash: sha256('another browser') })).rejects.toMatchObject(unknown_flow);
    const ended = await submit(flow_id, right, { browser_hash: page.browser_hash, remote_address: '203.0.113.9' });
    expect(ended.step.type).toBe('create_entry');
  });

  it('is never the other dialect', async () => {
    const { flow_id } = (await services.login.start({ ...page, ...asked, input: wrong })).step;
    await expect(submit(flow_id)).rejects.toMatchObject(unknown_flow);
    await expect(submit(await begin(), right, { browser_hash: page.browser_hash })).rejects.toMatchObject(unknown_flow);
  });

  // H13
  it('is nobody after ten minutes', async () => {
    const flow_id = await begin();
    services.time.advance(599);
    await submit(flow_id, wrong);
    services.time.advance(1);
    await expect(submit(flow_id)).rejects.toMatchObject(unknown_flow);
  });

  // H15
  test.each(['abc', '0'.repeat(32), `${'0'.repeat(31)}\0`, '../x'])('with a flow called %j is nobody', async (flow_id) => {
    await expect(submit(flow_id)).rejects.toMatchObject(unknown_flow);
    expect(await services.login.abort(flow_id)).toBe(false);
  });

  it('needs a client_id that is a URL, before the flow is looked for', async () => {
    await expect(submit('abc', right, { client_id: 'nope' })).rejects.toMatchObject({ code: 'invalid_client_id' });
  });
});

it('a flow is aborted by anyone who knows its id, once', async () => {
  const flow_id = await begin();
  expect(await services.login.abort(flow_id)).toBe(true);
  expect(await services.login.abort(flow_id)).toBe(false);
  await expect(submit(flow_id)).rejects.toMatchObject(unknown_flow);
});

it('a provider that gives up ends the flow', async () => {
  await services.login.start({ ...json, ...asked, handler: ['aborting', null] });
  expect(await openFlows()).toEqual([]);
});

describe('a page', () => {
  it('that is only looked at stores nothing', async () => {
    expect(await services.login.preview({ ...page, ...asked })).toMatchObject({ type: 'step', step: { type: 'form', step_id: 'init' } });
    expect(await services.login.preview({ ...page, ...asked, handler: ['external', null] })).toEqual({ type: 'start' });
    expect(await openFlows()).toEqual([]);
  });

  it('whose button leads elsewhere is stored, for the way back', async () => {
    await services.login.start({ store: false, ...page, ...asked, handler: ['external', null] });
    expect(await openFlows()).toHaveLength(1);
  });

  it('answered rightly at once never has a row', async () => {
    const { step, login }: LoginResult = await services.login.start({ ...page, ...asked, input: right });
    expect(step.type).toBe('create_entry');
    expect(login).toMatchObject(known);
    expect(await codes()).toHaveLength(1);
    expect(await openFlows()).toEqual([]);
  });

  it('answered wrongly has a flow to continue with', async () => {
    const { step } = await services.login.start({ ...page, ...asked, input: wrong });
    expect(step).toMatchObject({ type: 'form', errors: { base: 'invalid_auth' } });
    expect(await openFlows()).toMatchObject([{ id: step.flow_id, browser_hash: page.browser_hash }]);
  });

  it('answered malformed stores nothing', async () => {
    await expect(services.login.start({ ...page, ...asked, input: {} })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await openFlows()).toEqual([]);
  });
});
