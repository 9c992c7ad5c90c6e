// Sends mail: one bounded queue for all messages and servers.

import { setTimeout as pause } from 'node:timers/promises';
import type { Mailer, MailMessage, SmtpConfig } from '../domain/smtp_config.ts';
import { createWorkQueue } from '../domain/work_queue.ts';

/** Concurrent messages, queue length and maximum wait; excess messages are refused. */
const QUEUE = { slots: 4, queue_limit: 100, wait_ms: 10_000 };
/** For each wait for the mail server; a slow one is given up after twice that. */
const STEP_MS = 5_000;

/** `smtp`: the settings `mail.smtp`, if present. */
export function createMailer({ smtp }: { smtp?: SmtpConfig | undefined }): Mailer {
  const inTurn = createWorkQueue(QUEUE);
  return {
    is_configured: smtp !== undefined,
    async send(message, own = smtp) {
      if (!own) throw new Error('mail.smtp is not configured');
      await inTurn(() => deliver(own, message));
    },
  };
}

async function deliver({ host, port, security, username, password, from }: SmtpConfig, { to, subject, text }: MailMessage): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const tls = { secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none' };
  const limits = { connectionTimeout: STEP_MS, greetingTimeout: STEP_MS, socketTimeout: STEP_MS, dnsTimeout: STEP_MS };
  const auth = username === undefined ? {} : { auth: { user: username, pass: password ?? '' } };
  const transport = createTransport({ host, port, ...tls, ...limits, ...auth, disableFileAccess: true, disableUrlAccess: true });
  const sent = transport.sendMail({ from, to: { name: '', address: to }, subject, text });
  await inTime(sent, 2 * STEP_MS).finally(() => transport.close());
}

/** The result of `work`, unless it takes longer. */
async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const timeout = new AbortController();
  const late = pause(ms, undefined, { signal: timeout.signal }).then(() => Promise.reject(new Error(`no answer within ${ms} ms`)));
  // The slower promise has no other handler.
  late.catch(() => {});
  work.catch(() => {});
  return await Promise.race([work, late]).finally(() => timeout.abort());
}
