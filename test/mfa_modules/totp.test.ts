import { Secret, TOTP } from 'otpauth';
import { expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import type { MfaVerdict, SetupForm } from '../../src/domain/mfa_module.ts';
import { mfa_module } from '../../src/mfa_modules/totp.ts';
import { vectors } from '../support/clients/vectors.ts';
import { made } from '../support/fakes/insecure_mfa.ts';
import { NOON } from '../support/fixtures/people.ts';

const module = made(mfa_module);
const user = { id: 'a'.repeat(32), name: 'Paulus' };
const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

/** The code of the step so many steps from noon. */
function codeAt(steps: number, secret = SECRET): string {
  return TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: addSeconds(NOON, 30 * steps).getTime() });
}

function verify(code: string | undefined, last_step = 0): Promise<MfaVerdict> {
  const values = code === undefined ? {} : { code };
  return module.verify({ enrolments: [{ id: 'e', secret: { secret: SECRET, last_step } }], state: {}, values, now: NOON });
}

async function begin(): Promise<SetupForm> {
  const step = await module.setup({ user, enrolments: [], shown: null, now: NOON });
  if (step.type !== 'form') throw new Error(step.type);
  return step;
}

// I3
test.each([
  [-2, false],
  [-1, true],
  [0, true],
  [1, true],
  [2, false],
])('a login accepts the code of step %i: %s', async (step, ok) => {
  expect((await verify(codeAt(step))).ok).toBe(ok);
});

// I1
test('a code is accepted once, and none from before it afterwards', async () => {
  const first = await verify(codeAt(0));
  const last_step = NOON.getTime() / 1000 / 30;
  expect(first).toEqual({ ok: true, enrolment_id: 'e', secret: { secret: SECRET, last_step }, amr: ['otp'] });
  expect((await verify(codeAt(0), last_step)).ok).toBe(false);
  expect((await verify(codeAt(-1), last_step)).ok).toBe(false);
  expect((await verify(codeAt(1), last_step)).ok).toBe(true);
});

// I11
test('blanks and full-width digits are what people type; anything else is a wrong code', async () => {
  const code = codeAt(0);
  const wide = code.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
  for (const typed of [`${code.slice(0, 3)} ${code.slice(3)}`, ` ${code}\t`, wide]) expect((await verify(typed)).ok, typed).toBe(true);
  for (const typed of [undefined, '', code.slice(1), `${code}0`, 'abcdef', `-${code}x`, '\u{1F600}'])
    expect((await verify(typed)).ok).toBe(false);
});

test('enrolling shows the secret, its URI and a QR code as SVG', async () => {
  const { description_placeholders: shown, state, ...form } = await begin();
  expect(form).toEqual({
    type: 'form',
    step_id: 'init',
    data_schema: [{ type: 'string', name: 'code', required: true, kind: 'digits' }],
    errors: {},
  });
  expect(shown.code).toMatch(/^[A-Z2-7]{32}$/);
  expect(shown.url).toBe(
    `otpauth://totp/auth.example.com:Paulus?issuer=auth.example.com&secret=${shown.code}&algorithm=SHA1&digits=6&period=30`,
  );
  expect(shown.qr_code).toMatch(/^<svg [^>]*viewBox/);
  expect(state).toEqual({ secret: shown.code });
});

test('a wrong code shows the same secret again, the right one enrols it and is used up', async () => {
  const form = await begin();
  const again = await module.setup({ user, enrolments: [], shown: { form, values: { code: '000000' } }, now: NOON });
  expect(again).toEqual({ ...form, errors: { base: 'invalid_code' } });
  const secret = String(form.state.secret);
  const done = await module.setup({ user, enrolments: [], shown: { form, values: { code: codeAt(0, secret) } }, now: NOON });
  expect(done).toEqual({ type: 'enrolled', enrolment: { secret: { secret, last_step: NOON.getTime() / 1000 / 30 } } });
});

test('enrolling accepts the current step alone', async () => {
  const form = await begin();
  for (const step of [-1, 1]) {
    const values = { code: codeAt(step, String(form.state.secret)) };
    expect((await module.setup({ user, enrolments: [], shown: { form, values }, now: NOON })).type).toBe('form');
  }
});

test.each(vectors('mfa-login').filter(({ given }) => 'time_step_offset' in given))('vector $id', async ({ given, expect: expected }) => {
  expect((await verify(codeAt(given.time_step_offset))).ok).toBe(expected.valid);
});
