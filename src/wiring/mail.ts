// The wiring of mail: one bounded queue for everything that is mailed, whichever server it leaves through. Called by parts.ts.
import { setTimeout as pause } from 'node:timers/promises';
import type { Mailer, MailMessage, SmtpConfig } from '../domain/smtp_config.ts';
import { createWorkQueue } from '../secrets/work_queue.ts';

/** Messages under way, messages that may wait, and for how long; one that finds no place is refused, and its sender is told so. */
const QUEUE = { slots: 4, queue_limit: 100, wait_ms: 10_000 };
/** For each wait for the mail server; one that trickles is given up after twice that. */
const STEP_MS = 5_000;

/** `smtp`: the settings `mail.smtp`, where there are any. */
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
  // The one that comes second has nobody who waits for it.
  late.catch(() => {});
  work.catch(() => {});
  return await Promise.race([work, late]).finally(() => timeout.abort());
}
