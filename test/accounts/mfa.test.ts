import { Secret, TOTP } from 'otpauth';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/accounts/actor.ts';
import type { MfaCaller, MfaSetupStep } from '../../src/accounts/mfa_setup.ts';
import type { MfaModule } from '../../src/domain/mfa_module.ts';
import { mfa_module as notifyType } from '../../src/mfa_modules/notify.ts';
import { mfa_module as passkeyType } from '../../src/mfa_modules/passkey.ts';
import { mfa_module as recoveryType } from '../../src/mfa_modules/recovery_codes.ts';
import { mfa_module as totpType } from '../../src/mfa_modules/totp.ts';
import { createAuditEvents } from '../../src/repository/audit_events.ts';
import { createRepositories } from '../../src/repository/repositories.ts';
import { type WiredMfa, wireMfa } from '../../src/wiring/mfa.ts';
import { createAuthenticator } from '../support/clients/authenticator.ts';
import { vectors } from '../support/clients/vectors.ts';
import { insecureMfa, made } from '../support/fakes/insecure_mfa.ts';
import { startSmtpSink } from '../support/fakes/smtp_sink.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { SEALER } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const HOME = '192.168.1.2';
const totp = made(totpType);
const recovery = made(recoveryType);
const passkey = made(passkeyType);
const example = insecureMfa('example_module');

let time: ReturnType<typeof createTestClock>;
let services: WiredMfa;
let caller: MfaCaller;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins', 'audit_events'] as const) await db.database.kysely.deleteFrom(table).execute();
  time = createTestClock(NOON);
  services = servicesWith([totp, passkey, recovery, example]);
  caller = await newCaller('paulus');
});

function servicesWith(modules: MfaModule[], require_mfa = false): WiredMfa {
  const { database } = db;
  const { clock } = time;
  const audit = createAuditEvents({ database, clock, on_error: () => {} });
  const provider = { require_mfa } as Parameters<typeof wireMfa>[0]['providers'] extends ReadonlyMap<string, infer P> ? P : never;
  const repositories = createRepositories(database, SEALER);
  return wireMfa({ database, repositories, clock, audit, modules, providers: new Map([['homeassistant:', provider]]) });
}

async function newCaller(username: string, differs: Partial<MfaCaller> = {}): Promise<MfaCaller> {
  const user = await addPerson(db.database, { username, name: 'Paulus' });
  return { user, auth_time: NOON, amr: ['pwd'], is_login: true, remote_address: HOME, ...differs };
}

const by = (differs: Partial<MfaCaller>): MfaCaller => ({ ...caller, ...differs });
const withMfa = () => by({ amr: ['pwd', 'otp', 'mfa'] });
const enrolments = () => db.database.kysely.selectFrom('mfa_enrolments').selectAll().orderBy('created_at').execute();
const events = async () =>
  (await db.database.kysely.selectFrom('audit_events').select('type').orderBy('id').execute()).map(({ type }) => type);

function secretIn(step: MfaSetupStep): string {
  return step.type === 'form' ? (step.description_placeholders.code ?? '') : '';
}

function codeFor(secret: string): string {
  return TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: time.clock().getTime() });
}

async function enrolTotp(as = caller): Promise<string> {
  const form = await services.mfaSetup.begin(as, 'totp');
  const secret = secretIn(form);
  const done = await services.mfaSetup.submit(as, 'totp', form.flow_id, { code: codeFor(secret) });
  expect(done.type).toBe('create_entry');
  return secret;
}

async function enrolPasskey(as = caller): Promise<void> {
  const form = await services.mfaSetup.begin(as, 'passkey');
  const options = form.type === 'form' ? (form.description_placeholders.passkey_creation ?? '') : '';
  const credential = createAuthenticator().create(options);
  expect((await services.mfaSetup.submit(as, 'passkey', form.flow_id, { credential })).type).toBe('create_entry');
}

describe('enrolling', () => {
  // I10
  test('shows the secret once: no later answer, list or row contains it unencrypted', async () => {
    const form = await services.mfaSetup.begin(caller, 'totp');
    const secret = secretIn(form);
    expect(form).toMatchObject({ type: 'form', handler: 'totp', step_id: 'init', errors: {}, last_step: null, preview: null });
    const dump = async () => {
      const [flows, kept] = [await db.database.kysely.selectFrom('mfa_setup_flows').selectAll().execute(), await enrolments()];
      return [...flows.map((row) => row.form), ...kept.map((row) => row.secret)];
    };
    for (const sealed of await dump()) expect(sealed.includes(secret)).toBe(false);
    const { flow_id } = form;
    const done = await services.mfaSetup.submit(caller, 'totp', flow_id, { code: codeFor(secret) });
    const nothing = { description: null, description_placeholders: null };
    expect(done).toEqual({ type: 'create_entry', flow_id, handler: 'totp', ...nothing, data: { result: null } });
    for (const sealed of await dump()) expect(sealed.includes(secret)).toBe(false);
    expect(JSON.stringify(await services.mfa.list(caller.user.id))).not.toContain(secret);
    expect(await events()).toEqual(['mfa.enrolled']);
  });

  test('keeps the secret after a wrong code, and starts over after an empty answer', async () => {
    const form = await services.mfaSetup.begin(caller, 'totp');
    const wrong = await services.mfaSetup.submit(caller, 'totp', form.flow_id, { code: 'wrong' });
    expect(wrong).toMatchObject({ type: 'form', errors: { base: 'invalid_code' } });
    expect(secretIn(wrong)).toBe(secretIn(form));
    const anew = await services.mfaSetup.submit(caller, 'totp', form.flow_id, {});
    expect(secretIn(anew)).not.toBe(secretIn(form));
    const done = await services.mfaSetup.submit(caller, 'totp', form.flow_id, { code: codeFor(secretIn(anew)) });
    expect(done.type).toBe('create_entry');
  });

  test('ends after too many wrong codes', async () => {
    const { flow_id } = await services.mfaSetup.begin(caller, 'totp');
    const answers: string[] = [];
    for (let n = 0; n < 6; n++) answers.push((await services.mfaSetup.submit(caller, 'totp', flow_id, { code: 'wrong' })).type);
    expect(answers).toEqual([...Array(5).fill('form'), 'abort']);
    await expect(services.mfaSetup.submit(caller, 'totp', flow_id, {})).rejects.toMatchObject({ code: 'unknown_flow' });
  });

  test('ends after ten minutes, with another start, and for another module', async () => {
    const first = await services.mfaSetup.begin(caller, 'totp');
    const second = await services.mfaSetup.begin(caller, 'totp');
    await expect(services.mfaSetup.submit(caller, 'totp', first.flow_id, {})).rejects.toMatchObject({ code: 'unknown_flow' });
    await expect(services.mfaSetup.submit(caller, 'example_module', second.flow_id, {})).rejects.toMatchObject({ code: 'unknown_flow' });
    time.advance(599);
    expect((await services.mfaSetup.submit(caller, 'totp', second.flow_id, {})).type).toBe('form');
    time.advance(1);
    await expect(services.mfaSetup.submit(caller, 'totp', second.flow_id, {})).rejects.toMatchObject({ code: 'unknown_flow' });
  });

  // I7
  test("another user's flow is not found", async () => {
    const { flow_id } = await services.mfaSetup.begin(caller, 'totp');
    const eve = await newCaller('eve');
    await expect(services.mfaSetup.submit(eve, 'totp', flow_id, {})).rejects.toMatchObject({ code: 'unknown_flow', status: 404 });
  });

  test('succeeds once for parallel correct answers', async () => {
    const form = await services.mfaSetup.begin(caller, 'totp');
    const input = { code: codeFor(secretIn(form)) };
    const answers = await Promise.allSettled(
      Array.from({ length: 5 }, () => services.mfaSetup.submit(caller, 'totp', form.flow_id, input)),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await enrolments()).toHaveLength(1);
  });

  test('allows several passkeys, but each device once', async () => {
    await enrolPasskey();
    await enrolPasskey(withMfa());
    expect((await services.mfa.list(caller.user.id)).enrolments.map(({ name }) => name)).toEqual(['Passkey', 'Passkey']);
    const [device] = await enrolments();
    const taken = { secret: {}, device_id: device?.device_id ?? '' };
    await expect(services.enrol(passkey, taken, { ...ACTOR, user_id: caller.user.id })).rejects.toMatchObject({ code: 'conflict' });
  });

  test('offers recovery codes only after another factor', async () => {
    await expect(services.mfaSetup.begin(caller, 'recovery_codes')).rejects.toMatchObject({ status: 409 });
    await enrolTotp();
    expect((await services.mfaSetup.begin(withMfa(), 'recovery_codes')).type).toBe('form');
  });

  test('sends a bounded number of messages, however often it starts', async () => {
    const sink = await startSmtpSink();
    const smtp = { host: '127.0.0.1', port: sink.port, security: 'none', from: 'latchkey@example.com' };
    services = servicesWith([made(notifyType, 'notify', { smtp })]);
    for (let n = 0; n < 12; n++) {
      const { flow_id } = await services.mfaSetup.begin(caller, 'notify');
      await services.mfaSetup.submit(caller, 'notify', flow_id, { notify_service: 'email', target: `victim${n}@example.com` });
    }
    expect(sink.messages).toHaveLength(10);
    await sink.close();
  });
});

const ACTOR: Actor = { user_id: null, is_owner: false, is_admin: false, remote_address: HOME };

describe('a fresh login', () => {
  const refused = { code: 'reauth_required', status: 403 };

  // I7
  test('is required to enrol and to remove; nothing changes without it', async () => {
    await enrolTotp();
    const [kept] = await enrolments();
    const stale = withMfa();
    time.advance(301);
    await expect(services.mfaSetup.begin(stale, 'example_module')).rejects.toMatchObject(refused);
    await expect(services.mfa.disable(stale, 'totp')).rejects.toMatchObject(refused);
    await expect(services.mfa.remove(stale, kept?.id ?? '')).rejects.toMatchObject(refused);
    expect(await enrolments()).toEqual([kept]);
    time.advance(-1);
    expect((await services.mfaSetup.begin(stale, 'example_module')).type).toBe('form');
  });

  // I8
  test('must use the second factor of a user who has one', async () => {
    await enrolTotp();
    for (const amr of [['pwd'], ['user'], []]) {
      await expect(services.mfaSetup.begin(by({ amr }), 'example_module')).rejects.toMatchObject(refused);
      await expect(services.mfa.disable(by({ amr }), 'totp')).rejects.toMatchObject(refused);
    }
    await services.mfa.disable(withMfa(), 'totp');
    expect(await enrolments()).toEqual([]);
    expect(await events()).toEqual(['mfa.enrolled', 'mfa.removed']);
  });

  test('is never proven by a long-lived token', async () => {
    await expect(services.mfaSetup.begin(by({ is_login: false }), 'totp')).rejects.toMatchObject(refused);
  });
});

describe('removing', () => {
  // I7, I17
  test("another user's device is not found and stays", async () => {
    await enrolPasskey();
    const [mine] = await enrolments();
    const eve = await newCaller('eve', { amr: ['pwd', 'mfa'] });
    await expect(services.mfa.remove(eve, mine?.id ?? '')).rejects.toMatchObject({ code: 'not_found' });
    await expect(services.mfa.rename(eve, mine?.id ?? '', 'Mine now')).rejects.toMatchObject({ code: 'not_found' });
    expect(await enrolments()).toEqual([mine]);
  });

  test('the last factor removes the recovery codes, too', async () => {
    await enrolTotp();
    await services.enrol(recovery, { secret: { hashes: [] } }, { ...ACTOR, user_id: caller.user.id });
    await services.mfa.disable(withMfa(), 'totp');
    expect(await enrolments()).toEqual([]);
  });

  test.each([
    ['a group', async () => await requireForGroup()],
    ['a provider', async () => requireForProvider()],
  ])('the last factor is refused where %s demands one', async (_who, require) => {
    await enrolTotp();
    await services.enrol(example, { secret: { pin: '1' } }, { ...ACTOR, user_id: caller.user.id });
    await require();
    await services.mfa.disable(withMfa(), 'example_module');
    await expect(services.mfa.disable(withMfa(), 'totp')).rejects.toMatchObject({ code: 'mfa_required', status: 409 });
    expect(await enrolments()).toHaveLength(1);
  });

  function requireForProvider(): void {
    services = servicesWith([totp, example], true);
  }

  async function requireForGroup(): Promise<void> {
    const { kysely } = db.database;
    await kysely.updateTable('groups').set({ require_mfa: true }).where('id', '=', 'system-users').execute();
    await kysely.insertInto('user_groups').values({ user_id: caller.user.id, group_id: 'system-users' }).execute();
  }

  // I18
  test('a passkey that is the last login method is refused', async () => {
    await enrolPasskey();
    const { kysely } = db.database;
    const { user } = caller;
    const credential = { auth_provider_type: 'passkey', auth_provider_id: null, subject: user.id, data: '{}' };
    await kysely.deleteFrom('credentials').where('user_id', '=', user.id).execute();
    await kysely
      .insertInto('credentials')
      .values({ ...credential, id: user.id, user_id: user.id, created_at: NOON })
      .execute();
    await expect(services.mfa.disable(withMfa(), 'passkey')).rejects.toMatchObject({ code: 'last_credential', status: 409 });
    expect(await enrolments()).toHaveLength(1);
    await kysely
      .insertInto('credentials')
      .values({ ...credential, id: 'f'.repeat(32), auth_provider_type: 'ldap', user_id: user.id, created_at: NOON })
      .execute();
    await services.mfa.disable(withMfa(), 'passkey');
    const left = await kysely.selectFrom('credentials').select('auth_provider_type').where('user_id', '=', user.id).execute();
    expect(left).toEqual([{ auth_provider_type: 'ldap' }]);
  });

  test('a device can be renamed', async () => {
    await enrolPasskey();
    const [mine] = await enrolments();
    expect(await services.mfa.rename(caller, mine?.id ?? '', ' Blue key ')).toMatchObject({ name: 'Blue key' });
    await expect(services.mfa.rename(caller, mine?.id ?? '', '')).rejects.toMatchObject({ code: 'invalid_format' });
  });
});

describe('vectors', () => {
  /** Cases that are about a shape which is not ours, and why. */
  const OVERRULED: Record<string, string> = {
    'mfa-setup-007': 'the module is in the path of the request, so it cannot be named twice; a flow of another module is not found',
  };
  const cases = vectors('mfa-setup').filter(({ id, request }) => request.ws && !OVERRULED[id]);

  test('each is run, here or with its module, or overruled', () => {
    const by_hand = ['mfa-setup-009', 'mfa-setup-013', 'mfa-setup-014', 'mfa-setup-015'];
    const known = [...cases.map(({ id }) => id), ...Object.keys(OVERRULED), ...by_hand];
    expect(known.sort()).toEqual(vectors('mfa-setup').map(({ id }) => id));
  });

  test.each(cases)('$id', async ({ given, request, expect: expected }) => {
    const { type, mfa_module_id, flow_id, user_input } = request.ws;
    const as = given.caller === 'system user' ? by({ user: { ...caller.user, system_generated: true } }) : caller;
    if (type === 'auth/depose_mfa') {
      await services.enrol(example, { secret: { pin: '123456' } }, { ...ACTOR, user_id: caller.user.id });
      await services.mfa.disable(withMfa(), mfa_module_id);
      expect(await enrolments()).toEqual([]);
      return;
    }
    const begun = async () => await services.mfaSetup.begin(as, mfa_module_id ?? 'example_module');
    if (expected.error) {
      const { code, message } = expected.error;
      await expect(begun()).rejects.toMatchObject({ code, description: message });
      return;
    }
    const step = flow_id ? await services.mfaSetup.submit(as, 'example_module', (await begun()).flow_id, user_input) : await begun();
    const { basis, ...shown } = expected;
    expect(step).toMatchObject(shown);
  });

  test('mfa-setup-009', async () => {
    const [{ expect: expected }] = vectors('mfa-setup').filter(({ id }) => id === 'mfa-setup-009') as [ReturnType<typeof vectors>[0]];
    const form = await services.mfaSetup.begin(caller, 'totp');
    const code = codeFor(secretIn(form));
    time.advance(30);
    const step = await services.mfaSetup.submit(caller, 'totp', form.flow_id, { code });
    expect(step.type === 'create_entry').toBe(expected.valid);
  });

  test('mfa-setup-014', async () => {
    const first = await enrolTotp();
    const second = await enrolTotp(withMfa());
    expect(second).not.toBe(first);
    const [factor] = await services.factors.ofUser(caller.user.id);
    expect(factor?.enrolments.map(({ secret }) => secret.secret)).toEqual([second]);
  });

  test('mfa-setup-015', async () => {
    await services.mfa.disable(caller, 'example_module');
    expect(await enrolments()).toEqual([]);
  });
});
