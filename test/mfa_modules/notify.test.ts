import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { MfaModule, SetupForm, SetupStep } from '../../src/domain/mfa_module.ts';
import { mfa_module } from '../../src/mfa_modules/notify.ts';
import { vectors } from '../support/clients/vectors.ts';
import { made } from '../support/fakes/insecure_mfa.ts';
import { type SmtpSink, startSmtpSink } from '../support/fakes/smtp_sink.ts';
import { NOON } from '../support/fixtures/people.ts';

const user = { id: 'a'.repeat(32), name: 'Paulus' };
let sink: SmtpSink;
let module: MfaModule;
/** What the webhook was posted, and what it answers. */
let posted: { target: string; message: string }[] = [];
let status = 200;

const hook = createServer(async (request, response) => {
  posted.push(JSON.parse(await textOf(request)));
  response.writeHead(status, { location: '/elsewhere' }).end('some body');
});

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString();
}

beforeAll(async () => {
  sink = await startSmtpSink();
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  const smtp = { host: '127.0.0.1', port: sink.port, security: 'none', from: 'Latchkey <latchkey@example.com>' };
  const webhooks = { phone: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/send` };
  module = made(mfa_module, 'notify', { smtp, webhooks });
});
afterAll(async () => {
  await sink.close();
  hook.close();
});
beforeEach(() => {
  posted = [];
  status = 200;
  sink.messages.length = 0;
});

const enrolments = [{ id: 'e', secret: { service: 'phone', target: 'Paulus' } }];
const verify = (state: SetupForm['state'], code: string) => module.verify({ enrolments, state, values: { code }, now: NOON });

async function setup(shown: { form: SetupForm; values: Record<string, string> } | null): Promise<SetupStep> {
  return await module.setup({ user, enrolments: [], shown, now: NOON });
}

async function begin(): Promise<SetupForm> {
  const step = await setup(null);
  if (step.type !== 'form') throw new Error(step.type);
  return step;
}

function codeIn(text: string | undefined): string {
  return /\b\d{6}\b/.exec(text ?? '')?.[0] ?? '';
}

async function ask() {
  const asked = await module.challenge({ enrolments, now: NOON });
  if (asked.type !== 'form') throw new Error(asked.detail);
  return { state: asked.state, code: codeIn(posted.at(-1)?.message) };
}

test('each login gets a message of its own, and its code is valid for that login alone', async () => {
  const [first, second] = [await ask(), await ask()];
  expect(posted).toHaveLength(2);
  expect(posted[0]).toEqual({ target: 'Paulus', message: `${first.code} is your Latchkey login code` });
  expect(await verify(first.state, ` ${first.code} `)).toEqual({
    ok: true,
    enrolment_id: 'e',
    secret: enrolments[0]?.secret,
    amr: ['otp'],
  });
  expect((await verify(second.state, first.code)).ok).toBe(false);
});

// I11
test('anything but the code is wrong', async () => {
  const { state, code } = await ask();
  for (const typed of ['', code.slice(1), `${code}0`, 'x', '\u{1F600}']) expect((await verify(state, typed)).ok).toBe(false);
});

test.each([301, 404, 500])('a webhook that answers %i ends the flow', async (answer) => {
  status = answer;
  expect(await module.challenge({ enrolments, now: NOON })).toMatchObject({ type: 'abort', reason: 'unknown_error' });
  expect(posted).toHaveLength(1);
});

test('a service that is gone from the configuration ends the flow', async () => {
  const gone = [{ id: 'e', secret: { service: 'pigeon', target: '' } }];
  expect(await module.challenge({ enrolments: gone, now: NOON })).toMatchObject({ type: 'abort', reason: 'unknown_error' });
});

test('enrolling by e-mail: a wrong code sends a new one', async () => {
  const choice = await begin();
  expect(choice).toMatchObject({
    step_id: 'init',
    data_schema: [
      {
        type: 'select',
        name: 'notify_service',
        options: [
          ['email', 'email'],
          ['phone', 'phone'],
        ],
        required: true,
      },
      { type: 'string', name: 'target', required: false, optional: true },
    ],
    errors: {},
  });
  const values = { notify_service: 'email', target: 'paulus@example.com' };
  const form = await setup({ form: choice, values });
  expect(form).toMatchObject({ step_id: 'setup', errors: {}, description_placeholders: { notify_service: 'email' } });
  expect(sink.messages).toHaveLength(1);
  expect(sink.messages[0]?.to).toBe('paulus@example.com');
  const first = codeIn(sink.messages[0]?.text);
  const again = await setup({ form: form as SetupForm, values: { code: first === '000000' ? '000001' : '000000' } });
  expect(again).toMatchObject({ step_id: 'setup', errors: { base: 'invalid_code' } });
  expect(sink.messages).toHaveLength(2);
  expect((await setup({ form: again as SetupForm, values: { code: first } })).type).toBe('form');
  const code = codeIn(sink.messages[1]?.text);
  const done = await setup({ form: again as SetupForm, values: { code } });
  expect(done).toEqual({ type: 'enrolled', enrolment: { secret: { service: 'email', target: 'paulus@example.com' } } });
});

test.each(['', 'nobody', 'a@b, c@d', 'a@b\r\nBcc: c@d', '<a@b>', 'a b@c'])('%j is no address to send a code to', async (target) => {
  const choice = await begin();
  const again = await setup({ form: choice, values: { notify_service: 'email', target } });
  expect(again).toMatchObject({ step_id: 'init', errors: { base: 'invalid_target' } });
  expect(sink.messages).toEqual([]);
});

test('a mail server that does not answer is given up within its limits', async () => {
  const mute = await startSmtpSink({ mute: true });
  const slow = made(mfa_module, 'notify', { smtp: { host: '127.0.0.1', port: mute.port, security: 'none', from: 'a@example.com' } });
  const started = performance.now();
  const email = [{ id: 'e', secret: { service: 'email', target: 'paulus@example.com' } }];
  expect(await slow.challenge({ enrolments: email, now: NOON })).toMatchObject({ type: 'abort', reason: 'unknown_error' });
  expect(performance.now() - started).toBeLessThan(11_000);
  await mute.close();
});

test('with no service to choose, enrolling ends at once', async () => {
  const none = made(mfa_module, 'notify', {});
  expect(await none.setup({ user, enrolments: [], shown: null, now: NOON })).toEqual({ type: 'abort', reason: 'no_available_service' });
});

test('a service that left the configuration while it was being enrolled ends that', async () => {
  const form = { ...(await begin()), step_id: 'setup' as const, state: { service: 'pigeon', target: '', secret: 'JBSWY3DP', counter: 1 } };
  expect(await setup({ form, values: { code: 'x' } })).toMatchObject({ type: 'abort', reason: 'notify_service_not_exist' });
});

test.each(vectors('mfa-setup').filter(({ request }) => request.check === 'offered services'))(
  'vector $id',
  async ({ given, expect: expected }) => {
    const webhooks = Object.fromEntries(given.services.map((name: string) => [name, `https://example.com/${name}`]));
    const { include, exclude } = given;
    const step = await made(mfa_module, 'notify', { webhooks, include, exclude }).setup({ user, enrolments: [], shown: null, now: NOON });
    const [field] = step.type === 'form' ? step.data_schema : [];
    expect(field?.type === 'select' ? field.options.map(([name]) => name) : []).toEqual(expected.value);
  },
);
