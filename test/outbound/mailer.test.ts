// Mail: one queue for everything, through the server of mail.smtp or another one.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { SmtpConfig } from '../../src/domain/smtp_config.ts';
import { mfa_module } from '../../src/mfa_modules/notify.ts';
import { createMailer } from '../../src/outbound/mailer.ts';
import { made } from '../support/fakes/insecure_mfa.ts';
import { startSmtpSink } from '../support/fakes/smtp_sink.ts';
import { NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const MESSAGE = { to: 'ada@example.com', subject: 'Hello', text: 'Hello' };
const sink = perFile(() => startSmtpSink());

const smtpAt = (port: number): SmtpConfig => ({ host: '127.0.0.1', port, security: 'none', from: 'Latchkey <latchkey@example.com>' });

test('the second factor by mail leaves through mail.smtp, or through the server of its own block', async () => {
  const user = { id: 'a'.repeat(32), name: 'Ada' };
  const begun = async (settings: object, smtp: SmtpConfig | undefined) => {
    const module = made(mfa_module, 'notify', settings, { mail: createMailer({ smtp }) });
    const step = await module.setup({ user, enrolments: [], shown: null, now: NOON });
    if (step.type !== 'form') return step.type;
    const values = { notify_service: 'email', target: 'ada@example.com' };
    await module.setup({ user, enrolments: [], shown: { form: step, values }, now: NOON });
    return sink.messages.length;
  };
  expect(await begun({}, smtpAt(sink.port))).toBe(1);
  expect(await begun({ smtp: smtpAt(sink.port) }, undefined)).toBe(2);
  expect(await begun({ smtp: smtpAt(sink.port) }, smtpAt(1))).toBe(3);
  expect(await begun({}, undefined)).toBe('abort');
});

test('nothing is mailed where no server is configured', async () => {
  await expect(createMailer({}).send(MESSAGE)).rejects.toThrow('mail.smtp is not configured');
});

test('a server that never answers holds four messages and a hundred that wait; the next one is refused at once', async () => {
  const sockets: Socket[] = [];
  const mute = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const mail = createMailer({ smtp: smtpAt((mute.address() as AddressInfo).port) });
  const sent = Array.from({ length: 104 }, () => mail.send(MESSAGE));
  const settled = Promise.allSettled(sent);
  // Another server's messages wait in the same queue.
  await expect(mail.send(MESSAGE, smtpAt(sink.port))).rejects.toMatchObject({ code: 'unavailable' });
  const ending = setInterval(() => {
    for (const socket of sockets) socket.destroy();
  }, 5);
  const outcomes = await settled;
  clearInterval(ending);
  mute.close();
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
});
