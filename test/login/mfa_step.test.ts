import { Secret, TOTP } from 'otpauth';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AuthProvider } from '../../src/domain/auth_provider.ts';
import { addSeconds } from '../../src/domain/clock.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { FlowStep } from '../../src/domain/login_flow.ts';
import type { MfaModule } from '../../src/domain/mfa_module.ts';
import { randomId, sha256 } from '../../src/domain/secret.ts';
import type { LoginResult } from '../../src/login/login.ts';
import { mfa_module as notifyType } from '../../src/mfa_modules/notify.ts';
import { mfa_module as passkeyType } from '../../src/mfa_modules/passkey.ts';
import { mfa_module as recoveryType } from '../../src/mfa_modules/recovery_codes.ts';
import { mfa_module as totpType } from '../../src/mfa_modules/totp.ts';
import { type Authenticator, createAuthenticator } from '../support/clients/authenticator.ts';
import { type Vector, vectors } from '../support/clients/vectors.ts';
import { backFrom, elsewhere } from '../support/fakes/elsewhere.ts';
import { insecureMfa, made } from '../support/fakes/insecure_mfa.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, APP, addUser, CALLBACK, createLoginServices, type LoginServices } from '../support/fixtures/login.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const totp = made(totpType);
const passkey = made(passkeyType);
const recovery = made(recoveryType);
const pin = insecureMfa();

let services: LoginServices;
let user_id: string;
let time: ReturnType<typeof createTestClock>;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  for (const table of ['users', 'login_flows', 'failed_logins', 'ip_bans', 'authorization_codes', 'groups'] as const)
    await db.database.kysely.deleteFrom(table).execute();
  time = createTestClock();
  await startWith([totp, passkey, recovery, pin]);
});

type Options = NonNullable<Parameters<typeof createLoginServices>[1]>;

async function startWith(mfa_modules: MfaModule[], options: Options = {}): Promise<void> {
  services = createLoginServices(db.database, { time, mfa_modules, ...options });
  await db.database.kysely.deleteFrom('users').execute();
  ({ user_id } = await addUser(db.database, 'test-user'));
}

async function enrol(module: MfaModule, secret: JsonObject, differs: { user_id?: string; device_id?: string } = {}): Promise<void> {
  const actor = { user_id: differs.user_id ?? user_id, is_owner: false, is_admin: false, remote_address: ABROAD };
  const device = differs.device_id === undefined ? {} : { device_id: differs.device_id };
  await services.enrol(module, { secret, ...device }, actor);
}

const enrolTotp = () => enrol(totp, { secret: SECRET, last_step: 0 });

async function enrolPasskey(authenticator: Authenticator, owner = user_id): Promise<void> {
  const form = await passkey.setup({ user: { id: owner, name: 'x' }, enrolments: [], shown: null, now: time.clock() });
  if (form.type !== 'form') throw new Error(form.type);
  const credential = authenticator.create(form.description_placeholders.passkey_creation ?? '');
  const step = await passkey.setup({
    user: { id: owner, name: 'x' },
    enrolments: [],
    shown: { form, values: { credential } },
    now: time.clock(),
  });
  if (step.type !== 'enrolled') throw new Error(step.type);
  await enrol(passkey, step.enrolment.secret, { user_id: owner, device_id: authenticator.credential_id });
}

/** The code of now, or so many steps later; without a number a wrong one. */
function code(steps?: number): string {
  const at = (step: number) =>
    TOTP.generate({ secret: Secret.fromBase32(SECRET), timestamp: addSeconds(time.clock(), 30 * step).getTime() });
  if (steps !== undefined) return at(steps);
  const right = [-1, 0, 1].map(at);
  return ['000000', '000001', '000002', '000003'].find((candidate) => !right.includes(candidate)) ?? '';
}

const json = { client_id: APP, remote_address: ABROAD, browser_hash: null };
const asked = { redirect_uri: CALLBACK, flow_type: 'authorize' as const, code_challenge: null };

async function begin(differs: object = {}): Promise<string> {
  return (await services.login.start({ ...json, ...asked, handler: ['insecure_example', null], ...differs })).step.flow_id;
}

const submit = (flow_id: string, input: Record<string, unknown>, differs: object = {}): Promise<LoginResult> =>
  services.login.resume({ ...json, flow_id, input, ...differs });
const right = { username: 'test-user', password: 'test-pass' };

/** A flow after its password. */
async function atFactor(differs: object = {}): Promise<LoginResult> {
  return await submit(await begin(differs), right);
}

/** The step in a few words. */
function short(step: FlowStep): string {
  if (step.type === 'form') return `${step.step_id}${step.errors?.base ? ` ${step.errors.base}` : ''}`;
  return step.type === 'abort' ? step.reason : step.type;
}

const optionsOf = (step: FlowStep) => (step.type === 'form' ? (step.description_placeholders?.passkey_request ?? '') : '');
const amr = async () => (await db.database.kysely.selectFrom('authorization_codes').select('amr').execute()).map((row) => row.amr);
const clearThrottle = async () => {
  for (const table of ['failed_logins', 'ip_bans'] as const) await db.database.kysely.deleteFrom(table).execute();
};

describe('the second factor of a login', () => {
  test('is asked for after the password, and the code says how the person proved it', async () => {
    await enrolTotp();
    const { step, failed } = await atFactor();
    expect({ step, failed }).toMatchObject({
      step: {
        type: 'form',
        step_id: 'mfa',
        data_schema: [{ type: 'string', name: 'code', required: true }],
        errors: {},
        description_placeholders: { mfa_module_name: 'Authenticator app', mfa_module_id: 'totp' },
      },
      failed: false,
    });
    const done = await submit(step.flow_id, { code: code(0) });
    expect(done).toMatchObject({ step: { type: 'create_entry' }, login: { user_id, amr: ['pwd', 'otp', 'mfa'] } });
    expect(await amr()).toEqual([['pwd', 'otp', 'mfa']]);
  });

  test('is chosen first where there are several; a backup is offered last', async () => {
    await enrol(recovery, { hashes: [] });
    await enrolTotp();
    await enrol(pin, { pin: '1' });
    const { step } = await atFactor();
    const options = [
      ['totp', 'Authenticator app'],
      ['insecure_example', pin.name],
      ['recovery_codes', 'Recovery codes'],
    ];
    expect(step).toMatchObject({
      step_id: 'select_mfa_module',
      data_schema: [{ type: 'select', name: 'multi_factor_auth_module', options }],
    });
    expect(short((await submit(step.flow_id, {})).step)).toBe('select_mfa_module invalid_auth_module');
    await expect(submit(step.flow_id, { multi_factor_auth_module: 'passkey' })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(short((await submit(step.flow_id, { multi_factor_auth_module: 'totp' })).step)).toBe('mfa');
    expect(short((await submit(step.flow_id, { code: code(0) })).step)).toBe('create_entry');
  });

  test('a backup alone asks for nothing', async () => {
    await enrol(recovery, { hashes: [] });
    expect(short((await atFactor()).step)).toBe('create_entry');
  });

  test('is not asked for when only a credential is linked', async () => {
    await enrolTotp();
    expect(short((await atFactor({ flow_type: 'link_user' })).step)).toBe('create_entry');
  });

  test('a wrong code shows the form again and counts against the address; the last try ends the flow', async () => {
    await enrolTotp();
    const { step } = await atFactor();
    for (let tries = 1; tries < 5; tries++) {
      const again = await submit(step.flow_id, { code: code() });
      expect([short(again.step), again.failed]).toEqual(['mfa invalid_code', true]);
    }
    const last = await submit(step.flow_id, { code: code() });
    expect([short(last.step), last.failed]).toEqual(['too_many_retry', true]);
    await expect(submit(step.flow_id, { code: code(0) })).rejects.toMatchObject({ code: 'unknown_flow' });
  });

  // I6
  test('must be answered within five minutes of the start', async () => {
    await enrolTotp();
    const [in_time, late] = [await atFactor(), await atFactor()];
    time.advance(300);
    expect(short((await submit(in_time.step.flow_id, { code: code(0) })).step)).toBe('create_entry');
    time.advance(1);
    expect(short((await submit(late.step.flow_id, { code: code(1) })).step)).toBe('login_expired');
  });

  // I1
  test('a code that was used is wrong, in every later flow', async () => {
    await enrolTotp();
    const [first, second] = [await atFactor(), await atFactor()];
    expect(short((await submit(first.step.flow_id, { code: code(0) })).step)).toBe('create_entry');
    expect(short((await submit(second.step.flow_id, { code: code(0) })).step)).toBe('mfa invalid_code');
    expect(short((await submit(second.step.flow_id, { code: code(-1) })).step)).toBe('mfa invalid_code');
    expect(short((await submit(second.step.flow_id, { code: code(1) })).step)).toBe('create_entry');
  });

  // I2
  test('of ten flows with the same code at once, on two replicas, one is let in', async () => {
    await enrolTotp();
    const other = createLoginServices(db.database, { time, mfa_modules: [totp] });
    const flows: string[] = [];
    for (let n = 0; n < 10; n++) flows.push((await atFactor()).step.flow_id);
    const replicas = [services, other];
    const answers = await Promise.all(
      flows.map((flow_id, n) => (replicas[n % 2] ?? services).login.resume({ ...json, flow_id, input: { code: code(0) } })),
    );
    const ends = answers.map(({ step }) => short(step));
    expect(ends.filter((end) => end === 'create_entry')).toHaveLength(1);
    expect(ends.filter((end) => end === 'mfa invalid_code')).toHaveLength(9);
    expect(await amr()).toHaveLength(1);
  });

  // I11
  test.each([
    ['array', ['123456']],
    ['number', 123456],
    ['NUL', '12\u00003456'],
    ['object', {}],
  ])('%s for a code does not fit the form', async (_what, sent) => {
    await enrolTotp();
    const { step } = await atFactor();
    await expect(submit(step.flow_id, { code: sent })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  // I5
  test('cannot be gone around by answering another step', async () => {
    await enrolTotp();
    const { step } = await atFactor();
    for (const input of [right, { multi_factor_auth_module: 'totp' }, {}])
      await expect(submit(step.flow_id, input)).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await amr()).toEqual([]);
    expect(short((await submit(step.flow_id, { code: code(0) })).step)).toBe('create_entry');
  });

  // I5
  test('is asked for whichever provider the person comes through, also from elsewhere, in the browser that left', async () => {
    const upstream = elsewhere.create(
      { type: 'elsewhere', new_users: 'refuse', default_groups: [], require_mfa: false },
      {} as Parameters<typeof elsewhere.create>[1],
    );
    await startWith([totp], { providers: [upstream] });
    const credential = { id: randomId(), user_id, auth_provider_type: 'elsewhere', auth_provider_id: null, subject: 'paulus', data: '{}' };
    await db.database.kysely
      .insertInto('credentials')
      .values({ ...credential, created_at: time.clock() })
      .execute();
    await enrolTotp();
    const page = { ...json, browser_hash: sha256('browser'), page: { query: 'q', keep: false } };
    const { step } = await services.login.start({ store: false, ...page, ...asked, handler: ['elsewhere', null] });
    const url = new URL(backFrom(step.type === 'external' ? step.url : '', { who: 'paulus' }), 'https://auth.example.com');
    const parameters = Object.fromEntries(url.searchParams);
    const back = { provider: url.pathname.split('/').at(-1) ?? '', parameters, browser_hash: page.browser_hash, remote_address: ABROAD };
    const came_back = await services.login.resumeReturned({ ...back, confirmed: false });
    if (came_back.type !== 'page') throw new Error(came_back.type);
    expect(short(came_back.result.step)).toBe('mfa');
    expect(await amr()).toEqual([]);
    const done = await submit(step.flow_id, { code: code(0) }, { browser_hash: page.browser_hash });
    expect(done).toMatchObject({ step: { type: 'create_entry' }, login: { user_id, amr: ['pwd', 'otp', 'mfa'] } });
  });

  test('one that was removed meanwhile is not asked for', async () => {
    await enrolTotp();
    await enrol(pin, { pin: '1' });
    const { step } = await atFactor();
    await submit(step.flow_id, { multi_factor_auth_module: 'totp' });
    await db.database.kysely.deleteFrom('mfa_enrolments').where('mfa_module_id', '=', 'totp').execute();
    expect(short((await submit(step.flow_id, { code: code(0) })).step)).toBe('mfa');
    expect(short((await submit(step.flow_id, { pin: '1' })).step)).toBe('create_entry');
  });

  test('an inactive user learns it only afterwards', async () => {
    await enrolTotp();
    await db.database.kysely.updateTable('users').set({ is_active: false }).execute();
    const { step } = await atFactor();
    expect(short(step)).toBe('mfa');
    await expect(submit(step.flow_id, { code: code(0) })).rejects.toMatchObject({ description: 'Login blocked: User is not active' });
  });
});

describe('guessing at the second factor', () => {
  async function guess(n: number): Promise<void> {
    while (n > 0) {
      const { step } = await atFactor();
      for (let tries = 0; tries < 5 && n > 0; tries++, n--) await submit(step.flow_id, { code: code() });
      await clearThrottle();
    }
  }

  // I4
  test('ten wrong codes in however many flows, and the right one is wrong for a quarter of an hour', async () => {
    await enrolTotp();
    await guess(10);
    expect(services.events.filter(({ type }) => type === 'mfa.locked')).toMatchObject([{ target_user_id: user_id }]);
    expect(short((await submit((await atFactor()).step.flow_id, { code: code(0) })).step)).toBe('mfa invalid_code');
    time.advance(15 * 60 - 1);
    expect(short((await submit((await atFactor()).step.flow_id, { code: code(0) })).step)).toBe('mfa invalid_code');
    time.advance(2);
    expect(short((await submit((await atFactor()).step.flow_id, { code: code(0) })).step)).toBe('create_entry');
    expect(services.events.filter(({ type }) => type === 'mfa.locked')).toHaveLength(1);
  });

  // I4
  test('of many parallel guesses ten are looked at', async () => {
    let looked_at = 0;
    const counted: MfaModule = {
      ...pin,
      async verify(request) {
        looked_at++;
        return await pin.verify(request);
      },
    };
    await startWith([counted]);
    await enrol(counted, { pin: '1' });
    const flows: string[] = [];
    for (let n = 0; n < 25; n++) flows.push((await atFactor()).step.flow_id);
    await Promise.all(flows.map((flow_id) => submit(flow_id, { pin: 'wrong' })));
    expect(looked_at).toBe(10);
  });

  // H5
  test('holds for every factor that can be guessed at, not for the one that cannot', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    await enrol(pin, { pin: '1' });
    const start = async () => {
      const { step } = await atFactor();
      return (await submit(step.flow_id, { multi_factor_auth_module: 'insecure_example' })).step.flow_id;
    };
    for (let n = 0; n < 10; n += 2) {
      const flow_id = await start();
      for (let tries = 0; tries < 2; tries++) await submit(flow_id, { pin: 'wrong' });
      await clearThrottle();
    }
    expect(short((await submit(await start(), { pin: '1' })).step)).toBe('mfa invalid_code');
    const alone = (await services.login.start({ ...json, ...asked, handler: ['passkey', null] })).step;
    expect(short((await submit(alone.flow_id, { credential: mine.get(optionsOf(alone)) })).step)).toBe('create_entry');
  });

  test('a right code forgets the wrong ones before it', async () => {
    await enrolTotp();
    await guess(9);
    expect(short((await submit((await atFactor()).step.flow_id, { code: code(0) })).step)).toBe('create_entry');
    await guess(9);
    expect(short((await submit((await atFactor()).step.flow_id, { code: code(1) })).step)).toBe('create_entry');
  });

  test('messages are limited like guesses', async () => {
    let sent = 0;
    const sending: MfaModule = {
      ...pin,
      delivers: true,
      async challenge() {
        sent++;
        return { type: 'form', state: {} };
      },
    };
    await startWith([sending]);
    await enrol(sending, { pin: '1' });
    const ends: string[] = [];
    for (let n = 0; n < 12; n++) ends.push(short((await atFactor()).step));
    expect(sent).toBe(10);
    expect(ends.slice(10)).toEqual(['too_many_retry', 'too_many_retry']);
  });
});

describe('a passkey', () => {
  const beginAlone = async () => (await services.login.start({ ...json, ...asked, handler: ['passkey', null] })).step;

  test('is a second factor', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    const { step } = await atFactor();
    const done = await submit(step.flow_id, { credential: mine.get(optionsOf(step), { user_verified: false }) });
    expect(done).toMatchObject({ step: { type: 'create_entry' }, login: { amr: ['pwd', 'hwk', 'user', 'mfa'] } });
  });

  // I12
  test('a challenge is valid for one answer, right or wrong, in its own flow', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    const [one, other] = [(await atFactor()).step, (await atFactor()).step];
    const credential = mine.get(optionsOf(one));
    expect(short((await submit(other.flow_id, { credential })).step)).toBe('mfa invalid_code');
    const again = (await submit(one.flow_id, { credential: mine.get(optionsOf(one), { spoil_signature: true }) })).step;
    expect(optionsOf(again)).not.toBe(optionsOf(one));
    expect(short((await submit(one.flow_id, { credential: mine.get(optionsOf(one)) })).step)).toBe('mfa invalid_code');
  });

  // I13, I16
  test('a counter that went back is refused, changes nothing, and is remembered', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    const { step } = await atFactor();
    const before = await db.database.kysely.selectFrom('mfa_enrolments').selectAll().execute();
    expect(short((await submit(step.flow_id, { credential: mine.get(optionsOf(step), { counter: 0 }) })).step)).toBe('mfa invalid_code');
    expect(await db.database.kysely.selectFrom('mfa_enrolments').selectAll().execute()).toEqual(before);
    expect(services.events.find(({ type }) => type === 'mfa.failed')?.detail?.detail).toMatch(/counter/);
  });

  // I15
  test("another user's is refused", async () => {
    const [mine, theirs] = [createAuthenticator(), createAuthenticator()];
    await enrolPasskey(mine);
    await enrolPasskey(theirs, (await addUser(db.database, 'known-user')).user_id);
    const { step } = await atFactor();
    expect(short((await submit(step.flow_id, { credential: theirs.get(optionsOf(step)) })).step)).toBe('mfa invalid_code');
  });

  test('alone it logs in anyone who it belongs to, and is their credential from then on', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    for (let n = 0; n < 2; n++) {
      const step = await beginAlone();
      const done = await submit(step.flow_id, { credential: mine.get(optionsOf(step)) });
      expect(done).toMatchObject({
        step: { type: 'create_entry' },
        login: { user_id, amr: ['hwk', 'user', 'mfa'], auth_provider_type: 'passkey' },
      });
    }
    const credentials = await services.credentials.ofUser(user_id);
    expect(credentials.map(({ auth_provider_type, subject }) => [auth_provider_type, subject])).toEqual([
      ['insecure_example', 'test-user'],
      ['passkey', user_id],
    ]);
  });

  // H5
  test('alone it lets no inactive user in', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    await db.database.kysely.updateTable('users').set({ is_active: false }).execute();
    const step = await beginAlone();
    const refused = submit(step.flow_id, { credential: mine.get(optionsOf(step)) });
    await expect(refused).rejects.toMatchObject({ description: 'Login blocked: User is not active' });
    expect(await amr()).toEqual([]);
  });

  test('alone it asks for no other factor', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    await enrolTotp();
    const step = await beginAlone();
    expect(short((await submit(step.flow_id, { credential: mine.get(optionsOf(step)) })).step)).toBe('create_entry');
  });

  // I12, I13, I14
  test.each<[string, Parameters<Authenticator['get']>[1]]>([
    ['without user verification', { user_verified: false }],
    ['for another origin', { origin: 'https://evil.example' }],
    ['with a wrong signature', { spoil_signature: true }],
    ['for another challenge', { challenge: 'AAAA' }],
    ['for another user', { user_handle: Buffer.from(randomId()).toString('base64url') }],
  ])('alone, %s, it lets nobody in', async (_what, quirks) => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    const step = await beginAlone();
    const refused = (await submit(step.flow_id, { credential: mine.get(optionsOf(step), quirks) })).step;
    expect(short(refused)).toBe('only_factor invalid_auth');
    expect(optionsOf(refused)).not.toBe(optionsOf(step));
    expect(await amr()).toEqual([]);
  });

  // I12
  test('the same assertion at once in one flow logs in once', async () => {
    const mine = createAuthenticator({ synced: true });
    await enrolPasskey(mine);
    const step = await beginAlone();
    const credential = mine.get(optionsOf(step));
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => submit(step.flow_id, { credential })));
    const ends = answers.map((answer) => (answer.status === 'fulfilled' ? short(answer.value.step) : answer.reason.code));
    expect(ends.filter((end) => end === 'create_entry')).toHaveLength(1);
    expect(await amr()).toHaveLength(1);
    await expect(submit(step.flow_id, { credential })).rejects.toMatchObject({ code: 'unknown_flow' });
  });

  // I19
  test('an unknown one is answered like a wrong one', async () => {
    const mine = createAuthenticator();
    await enrolPasskey(mine);
    const [known, unknown] = [await beginAlone(), await beginAlone()];
    const stranger = createAuthenticator();
    const wrong = (await submit(known.flow_id, { credential: mine.get(optionsOf(known), { spoil_signature: true }) })).step;
    const nobody = (await submit(unknown.flow_id, { credential: stranger.get(optionsOf(unknown)) })).step;
    const shape = (step: FlowStep) => ({
      ...step,
      flow_id: '',
      description_placeholders: Object.keys(('description_placeholders' in step && step.description_placeholders) || {}),
    });
    expect(shape(nobody)).toEqual(shape(wrong));
  });
});

describe('where a second factor is demanded', () => {
  async function requireForGroup(): Promise<void> {
    const created_at = time.clock();
    const group = { id: 'strict', name: 'Strict', policy: '{}', managed_by: 'config', require_mfa: true, created_at } as const;
    await db.database.kysely.insertInto('groups').values(group).execute();
    await db.database.kysely.insertInto('user_groups').values({ user_id, group_id: 'strict' }).execute();
  }

  async function enrolAtLogin(flow_id: string): Promise<LoginResult> {
    const { step } = await submit(flow_id, { multi_factor_auth_module: 'totp' });
    if (step.type !== 'form') throw new Error(short(step));
    const secret = Secret.fromBase32(step.description_placeholders?.code ?? '');
    const now = () => TOTP.generate({ secret, timestamp: time.clock().getTime() });
    const wrong = now() === '000000' ? '000001' : '000000';
    expect(short((await submit(flow_id, { code: wrong })).step)).toBe('mfa_setup invalid_code');
    return await submit(flow_id, { code: now() });
  }

  test('by a group, its members are led through enrolling, whatever the provider', async () => {
    const without_mfa: AuthProvider = {
      ...(services.providers.get('insecure_example:') as AuthProvider),
      support_mfa: false,
      auth_provider_type: 'plain',
    };
    await startWith([totp, pin, recovery], { providers: [without_mfa] });
    await addUser(db.database, 'known-user', {}, 'plain');
    await requireForGroup();
    const { step } = await atFactor();
    expect(step).toMatchObject({
      step_id: 'mfa_setup_select',
      data_schema: [
        {
          name: 'multi_factor_auth_module',
          options: [
            ['totp', 'Authenticator app'],
            ['insecure_example', pin.name],
          ],
        },
      ],
    });
    const done = await enrolAtLogin(step.flow_id);
    expect(done).toMatchObject({ step: { type: 'create_entry' }, login: { amr: ['pwd', 'mfa'] } });
    expect(short((await atFactor()).step)).toBe('mfa');
  });

  test.each(['group', 'provider'])('by a %s, enrolling after a login that proved nothing proves nothing either', async (by) => {
    const example = services.providers.get('insecure_example:') as AuthProvider;
    const silent: AuthProvider = {
      ...example,
      auth_provider_type: 'silent',
      require_mfa: by === 'provider',
      async step(request) {
        const step = await example.step(request);
        return step.type === 'identity' ? { ...step, identity: { ...step.identity, amr: [] } } : step;
      },
    };
    await startWith([totp, pin], { providers: [silent] });
    const known = await addUser(db.database, 'known-user', {}, 'silent');
    user_id = known.user_id;
    if (by === 'group') await requireForGroup();
    const flow_id = await begin({ handler: ['silent', null] });
    const { step } = await submit(flow_id, { ...right, username: 'known-user' });
    expect(short(step)).toBe('mfa_setup_select');
    const done = await enrolAtLogin(flow_id);
    expect(done).toMatchObject({ step: { type: 'create_entry' }, login: { amr: [] } });
    const actor = { user_id, login: { auth_time: time.clock(), amr: done.login?.amr ?? ['mfa'], is_login: true } };
    await expect(services.freshLogin.require(actor)).rejects.toMatchObject({ code: 'reauth_required' });
  });

  test('by a provider, new people who are active at once enrol before they are in', async () => {
    await startWith([totp, pin], { example: { require_mfa: true } });
    const flow_id = await begin();
    const { step } = await submit(flow_id, { username: 'other-user', password: 'test-pass' });
    expect(short(step)).toBe('mfa_setup_select');
    expect(short((await enrolAtLogin(flow_id)).step)).toBe('create_entry');
  });

  test('new people who must wait enrol nothing', async () => {
    await startWith([totp], { example: { require_mfa: true, new_users: 'approve' } });
    const waiting = submit(await begin(), { username: 'other-user', password: 'test-pass' });
    await expect(waiting).rejects.toMatchObject({ description: 'Login blocked: User is not active' });
  });

  test('and nothing can be enrolled, nobody gets in', async () => {
    await startWith([recovery], { example: { require_mfa: true } });
    await expect(atFactor()).rejects.toMatchObject({ description: 'Login blocked: A second factor is required' });
  });

  test('too many wrong codes while enrolling end the flow', async () => {
    await startWith([totp], { example: { require_mfa: true } });
    const { step } = await atFactor();
    const ends: string[] = [];
    for (let n = 0; n < 5; n++) ends.push(short((await submit(step.flow_id, { code: 'wrong' })).step));
    expect(ends).toEqual([...Array(4).fill('mfa_setup invalid_code'), 'too_many_retry']);
  });

  test('the secret lies in the flow sealed', async () => {
    await startWith([totp], { example: { require_mfa: true } });
    const { step } = await atFactor();
    const secret = step.type === 'form' ? (step.description_placeholders?.code ?? 'none') : '';
    const rows = await db.database.kysely.selectFrom('login_flows').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(rows[0]?.mfa_state?.includes(secret)).toBe(false);
  });
});

describe('vectors', () => {
  // Those about a code alone are run with their module.
  const cases = vectors('mfa-login').filter(({ request }) => request.check === undefined);

  async function arrange(given: Vector['given']): Promise<void> {
    const modules = given.mfa_modules.map(({ type, id }: { type: string; id?: string }) => {
      if (type === 'insecure_example') return insecureMfa(id);
      return type === 'totp' ? totp : made(notifyType);
    });
    await startWith(modules);
    for (const [index, { type, data }] of given.mfa_modules.entries()) {
      const secret = type === 'insecure_example' ? { pin: data[0].pin } : { secret: SECRET, last_step: 0, service: given.notify_service };
      await enrol(modules[index], secret);
    }
  }

  async function reach(given: Vector['given']): Promise<string> {
    const flow_id = await begin(given.flow_type ? { flow_type: given.flow_type } : {});
    if (!given.at_step) return flow_id;
    await submit(flow_id, right);
    if (given.at_step.startsWith('mfa of')) await submit(flow_id, { multi_factor_auth_module: given.at_step.slice('mfa of '.length) });
    for (let n = 0; n < (given.wrong_codes_so_far ?? 0); n++) await submit(flow_id, { code: code() });
    time.advance(given.seconds_since_flow_start ?? 0);
    return flow_id;
  }

  test.each(cases)('$id', async ({ given, request, expect: expected }) => {
    await arrange(given);
    const { client_id, ...input } = request.json;
    const { step } = await submit(await reach(given), input, { client_id });
    const { status, basis, note, ...shown } = expected;
    expect(step).toMatchObject(shown);
  });
});
