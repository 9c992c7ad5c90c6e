import { expect, test } from 'vitest';
import type { SetupForm } from '../../src/domain/mfa_module.ts';
import { mfa_module } from '../../src/mfa_modules/recovery_codes.ts';
import { made } from '../support/fakes/insecure_mfa.ts';
import { NOON } from '../support/fixtures/people.ts';

const module = made(mfa_module);
const user = { id: 'a'.repeat(32), name: 'Paulus' };

async function begin(): Promise<SetupForm> {
  const step = await module.setup({ user, enrolments: [], shown: null, now: NOON });
  if (step.type !== 'form') throw new Error(step.type);
  return step;
}

function codesOf({ description_placeholders }: SetupForm): string[] {
  return description_placeholders.codes?.split('\n') ?? [];
}

async function enrol() {
  const form = await begin();
  const step = await module.setup({ user, enrolments: [], shown: { form, values: { code: codesOf(form)[3] ?? '' } }, now: NOON });
  if (step.type !== 'enrolled') throw new Error(step.type);
  return { codes: codesOf(form), secret: step.enrolment.secret };
}

test('there are ten, all different, in groups that can be read from paper', async () => {
  const codes = codesOf(await begin());
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^[2-9a-hjkmnp-z]{4}-[2-9a-hjkmnp-z]{4}-[2-9a-hjkmnp-z]{4}$/);
});

test('anyone who cannot copy one of them has not written them down', async () => {
  const form = await begin();
  const step = await module.setup({ user, enrolments: [], shown: { form, values: { code: 'aaaa-bbbb-cccc' } }, now: NOON });
  expect(step).toEqual({ ...form, errors: { base: 'invalid_code' } });
});

// I9
test('only hashes are kept', async () => {
  const { codes, secret } = await enrol();
  const kept = JSON.stringify(secret);
  for (const code of codes) for (const text of [code, code.replaceAll('-', '')]) expect(kept).not.toContain(text);
});

// I9
test('each is accepted once, however it is typed', async () => {
  let { codes, secret } = await enrol();
  for (const [index, code] of codes.entries()) {
    const typed = [code, code.toUpperCase(), code.replaceAll('-', ' '), code.replaceAll('-', '')][index % 4] ?? '';
    const verify = () => module.verify({ enrolments: [{ id: 'e', secret }], state: {}, values: { code: typed }, now: NOON });
    const verdict = await verify();
    if (!verdict.ok) throw new Error(`refused ${typed}`);
    secret = verdict.secret;
    expect((await verify()).ok).toBe(false);
  }
  expect(secret).toEqual({ hashes: [] });
});
