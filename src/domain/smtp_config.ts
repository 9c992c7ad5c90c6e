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
  from: z.string().min(3).max(320),
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
