// Options that change a person's profile.
import type { Command } from 'commander';
import type { ProfilePatch } from '../domain/profile.ts';
import type { UserListEntry } from '../repository/users.ts';
import type { CliContext } from './command.ts';

export interface ProfileOptions {
  email?: string;
  emailVerified?: boolean;
  emailUnverified?: boolean;
  picture?: string;
  locale?: string;
  zoneinfo?: string;
  reuseUsername?: boolean;
}

/** Adds the profile options to a command. */
export function withProfile(command: Command): Command {
  return command
    .option('--email <address>', 'e-mail address; it counts as verified unless --email-unverified is given')
    .option('--email-verified', 'mark the e-mail address as verified')
    .option('--email-unverified', 'mark the e-mail address as not verified')
    .option('--picture <url>', 'https URL of a picture')
    .option('--locale <tag>', 'language, such as de-CH')
    .option('--zoneinfo <zone>', 'time zone, such as Europe/Zurich')
    .option('--reuse-username', 'take a username that belonged to another person; apps may take the two for one');
}

/** The changes; an empty text removes a value. */
export function profileOf({ email, emailVerified, emailUnverified, picture, locale, zoneinfo }: ProfileOptions): ProfilePatch {
  const texts = Object.entries({ email, picture, locale, zoneinfo }).filter(([, text]) => text !== undefined);
  return {
    ...Object.fromEntries(texts.map(([key, text]) => [key, text === '' ? null : text])),
    ...(emailUnverified ? { email_verified: false } : emailVerified && { email_verified: true }),
  };
}

/** Warns if the address could not be marked as verified. */
export function warnUnverifiedEmail({ io }: CliContext, asked: ProfilePatch, { email, email_verified }: UserListEntry): void {
  if (email === null || email_verified || asked.email_verified === false) return;
  if (asked.email !== undefined || asked.email_verified) io.err(`${email} stays unverified: it is verified for another user\n`);
}
