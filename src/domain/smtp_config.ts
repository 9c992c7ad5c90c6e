// The settings of the mail server that messages leave through, and what modules know of sending mail.
import { z } from 'zod';

export const smtpConfig = z.strictObject({
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535).default(587),
  /** starttls, tls from the first byte, or none. */
  security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
  username: z.string().max(256).optional(),
  password: z.string().max(4096).meta({ secret: true }).optional(),
  /** Whom messages come from. */
  from: z.string().min(3).max(320).refine(hasAddress, 'must have an e-mail address: auth@example.com, or Latchkey <auth@example.com>'),
});

export type SmtpConfig = z.infer<typeof smtpConfig>;

export interface MailMessage {
  /** One address, without a name. */
  to: string;
  subject: string;
  text: string;
}

/** Everything that is mailed leaves through one of these, and so through one bounded queue. */
export interface Mailer {
  /** Whether `mail.smtp` is configured. */
  is_configured: boolean;
  /**
   * Returns when the mail server took the message. Throws when it did not, or when too many messages wait. `smtp`: another mail server than
   * that of `mail.smtp`.
   */
  send(message: MailMessage, smtp?: SmtpConfig): Promise<void>;
}

const ADDRESS = /^[^\s@<>,;:"()[\]\\]{1,64}@[a-z0-9.-]{1,253}$/i;

/** RFC 5322 section 3.4: an address alone, or behind a name in angle brackets. */
function hasAddress(from: string): boolean {
  return ADDRESS.test(/^[^<>]*<([^<>]+)>$/.exec(from.trim())?.[1] ?? from.trim());
}
