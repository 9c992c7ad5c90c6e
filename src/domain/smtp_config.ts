// The settings of the mail server, and the interface for sending mail.
import { z } from 'zod';

export const smtpConfig = z.strictObject({
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535).default(587),
  /** starttls, tls from the first byte, or none. */
  security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
  username: z.string().max(256).optional(),
  password: z.string().max(4096).meta({ secret: true }).optional(),
  /** The sender. */
  from: z.string().min(3).max(320).refine(hasAddress, 'must have an e-mail address: auth@example.com, or Latchkey <auth@example.com>'),
});

export type SmtpConfig = z.infer<typeof smtpConfig>;

export interface MailMessage {
  /** An address without a name. */
  to: string;
  subject: string;
  text: string;
}

/** Sends mail through one bounded queue. */
export interface Mailer {
  /** Whether `mail.smtp` is configured. */
  is_configured: boolean;
  /**
   * Resolves when the server has accepted the message. Throws when it has not, or the queue is
   * full. `smtp`: a server other than `mail.smtp`.
   */
  send(message: MailMessage, smtp?: SmtpConfig): Promise<void>;
}

const ADDRESS = /^[^\s@<>,;:"()[\]\\]{1,64}@[a-z0-9.-]{1,253}$/i;

/** RFC 5322 section 3.4: an address alone, or in angle brackets after a name. */
function hasAddress(from: string): boolean {
  return ADDRESS.test(/^[^<>]*<([^<>]+)>$/.exec(from.trim())?.[1] ?? from.trim());
}
