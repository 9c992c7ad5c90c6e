import { expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Enrolment, MfaModule } from '../../src/domain/mfa_module.ts';
import { mfa_module } from '../../src/mfa_modules/passkey.ts';
import { createMailer } from '../../src/outbound/mailer.ts';
import { type Authenticator, createAuthenticator } from '../support/clients/authenticator.ts';
import { made } from '../support/fakes/insecure_mfa.ts';
import { NOON } from '../support/fixtures/people.ts';

const module = made(mfa_module);
const user = { id: '0123456789abcdef0123456789abcdef', name: 'Paulus' };
type Quirks = Parameters<Authenticator['get']>[1];

async function register(
  authenticator: Authenticator,
  quirks?: Quirks,
  { later = 0, name = '', by = user }: { later?: number; name?: string; by?: typeof user } = {},
) {
  const form = await module.setup({ user: by, enrolments: [], shown: null, now: NOON });
  if (form.type !== 'form') throw new Error(form.type);
  const credential = authenticator.create(form.description_placeholders.passkey_creation ?? '', quirks);
  return await module.setup({
    user: by,
    enrolments: [],
    shown: { form, values: { credential, device_name: name } },
    now: addSeconds(NOON, later),
  });
}

async function enrolled(authenticator: Authenticator, by = user): Promise<Enrolment> {
  const step = await register(authenticator, {}, { by });
  if (step.type !== 'enrolled') throw new Error(step.type);
  return { id: `enrolment of ${by.name}`, secret: step.enrolment.secret };
}

async function challenge(enrolments: Enrolment[]): Promise<{ state: JsonObject; options: string }> {
  const asked = await module.challenge({ enrolments, now: NOON });
  if (asked.type !== 'form') throw new Error(asked.detail);
  return { state: asked.state, options: asked.description_placeholders?.passkey_request ?? '' };
}

async function login(authenticator: Authenticator, enrolment: Enrolment, quirks?: Quirks, later = 0) {
  const { state, options } = await challenge([enrolment]);
  const values = { credential: authenticator.get(options, quirks) };
  return await module.verify({ enrolments: [enrolment], state, values, now: addSeconds(NOON, later) });
}

/** As the only factor. */
async function loginAlone(
  authenticator: Authenticator,
  enrolment: Enrolment,
  quirks?: Quirks,
  { only_factor } = module as Required<MfaModule>,
) {
  const { state, description_placeholders } = await only_factor.challenge(NOON);
  const values = { credential: authenticator.get(description_placeholders.passkey_request ?? '', quirks) };
  return await only_factor.verify({ user_id: user.id, enrolment, state, values, now: NOON });
}

test.each([
  ['https://auth.example.com', true],
  ['http://localhost:8420', true],
  ['http://auth.localhost', true],
  ['http://auth.example.com', false],
  ['https://192.0.2.7', false],
  ['https://[2001:db8::1]', false],
  ['http://127.0.0.1:8420', false],
])('under %s passkeys are offered: %s', (public_url, offered) => {
  expect(mfa_module.create({ type: 'passkey', id: 'passkey' }, { public_url, mail: createMailer({}) }) !== null).toBe(offered);
});

test('a device is enrolled under its own id, by the name that its owner gives it', async () => {
  const authenticator = createAuthenticator();
  const step = await register(authenticator, {}, { name: ' My key ' });
  expect(step).toMatchObject({ type: 'enrolled', enrolment: { device_id: authenticator.credential_id, name: 'My key' } });
  expect(await register(createAuthenticator())).toMatchObject({ enrolment: { name: 'Passkey' } });
});

// I13
test.each<[string, Quirks]>([
  ['another origin', { origin: 'https://evil.example' }],
  ['another relying party', { rp_id: 'evil.example' }],
  ['another challenge', { challenge: Buffer.alloc(32).toString('base64url') }],
  ['the other ceremony', { type: 'webauthn.get' }],
  ['an id that is not the raw id', { raw_id: 'AAAA' }],
])('an attestation of %s enrols nothing', async (_what, quirks) => {
  expect(await register(createAuthenticator(), quirks)).toEqual({ type: 'abort', reason: 'invalid_passkey' });
});

test('an attestation after five minutes, or something else altogether, enrols nothing', async () => {
  expect((await register(createAuthenticator(), {}, { later: 300 })).type).toBe('enrolled');
  expect((await register(createAuthenticator(), {}, { later: 301 })).type).toBe('abort');
  const form = await module.setup({ user, enrolments: [], shown: null, now: NOON });
  if (form.type !== 'form') throw new Error(form.type);
  for (const credential of ['', '{}', '[]', 'null', '{"id":1}', 'x'.repeat(4096)])
    expect((await module.setup({ user, enrolments: [], shown: { form, values: { credential } }, now: NOON })).type).toBe('abort');
});

test('an assertion logs in and moves the counter; the answer says how it was proven', async () => {
  const authenticator = createAuthenticator();
  const enrolment = await enrolled(authenticator);
  const verdict = await login(authenticator, enrolment, { user_verified: false });
  expect(verdict).toMatchObject({ ok: true, enrolment_id: enrolment.id, secret: { counter: 2, backed_up: false }, amr: ['hwk', 'user'] });
  const synced = createAuthenticator({ synced: true });
  expect(await login(synced, await enrolled(synced))).toMatchObject({ ok: true, secret: { backed_up: true }, amr: ['swk', 'user'] });
});

// I13, I16
test.each<[string, Quirks]>([
  ['another origin', { origin: 'https://auth.example.com.evil.example' }],
  ['another port', { origin: 'https://auth.example.com:8443' }],
  ['another relying party', { rp_id: 'example.com' }],
  ['another challenge', { challenge: Buffer.alloc(32).toString('base64url') }],
  ['the other ceremony', { type: 'webauthn.create' }],
  ['an id that is not the raw id', { raw_id: 'AAAA' }],
  ['a wrong signature', { spoil_signature: true }],
  ['a counter that stood still', { counter: 1 }],
  ['a counter that went back', { counter: 0 }],
])('an assertion of %s is refused', async (_what, quirks) => {
  const authenticator = createAuthenticator();
  const enrolment = await enrolled(authenticator);
  for (const verdict of [await login(authenticator, enrolment, quirks), await loginAlone(authenticator, enrolment, quirks)])
    expect(verdict).toMatchObject({ ok: false, detail: expect.any(String) });
});

// I12
test('an assertion is judged by the challenge that it answers, for five minutes', async () => {
  const authenticator = createAuthenticator();
  const enrolment = await enrolled(authenticator);
  const [mine, others] = [await challenge([enrolment]), await challenge([enrolment])];
  const values = { credential: authenticator.get(mine.options) };
  const verify = (state: JsonObject, later = 0) => module.verify({ enrolments: [enrolment], state, values, now: addSeconds(NOON, later) });
  expect((await verify(others.state)).ok).toBe(false);
  expect((await verify({})).ok).toBe(false);
  expect((await verify(mine.state, 301)).ok).toBe(false);
  expect((await verify(mine.state, 300)).ok).toBe(true);
});

// I14
test('as the only factor it must have verified its user, as a second one not', async () => {
  const authenticator = createAuthenticator();
  const enrolment = await enrolled(authenticator);
  expect((await loginAlone(authenticator, enrolment, { user_verified: false })).ok).toBe(false);
  expect((await login(authenticator, enrolment, { user_verified: false })).ok).toBe(true);
  expect((await loginAlone(authenticator, enrolment)).ok).toBe(true);
});

// I15
test("another user's passkey is refused, as the second factor and as the only one", async () => {
  const [mine, theirs] = [createAuthenticator(), createAuthenticator()];
  const enrolment = await enrolled(mine);
  const foreign = await enrolled(theirs, { id: 'f'.repeat(32), name: 'Eve' });
  expect(await login(theirs, enrolment)).toMatchObject({ ok: false });
  expect(await loginAlone(theirs, foreign)).toEqual({ ok: false, detail: 'a passkey of another user' });
  expect((await loginAlone(mine, enrolment, { user_handle: '' })).ok).toBe(false);
});

// I19
test('anyone who logs in with a passkey alone is asked for no name and shown no device', async () => {
  const asked = await module.only_factor?.challenge(NOON);
  const options = JSON.parse(asked?.description_placeholders.passkey_request ?? '');
  expect(options).toMatchObject({ rpId: 'auth.example.com', userVerification: 'required', allowCredentials: [] });
});
