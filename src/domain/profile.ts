// A person's profile: what apps may learn of them beside their name, and the rules for what may be entered there.
import { AuthError } from './errors.ts';
import { foldCase, pythonStrip, withoutInvisible } from './text.ts';
import { newUsernameIssue } from './user.ts';

/** The profile as lists and apps see it. */
export interface PersonProfile {
  /** Unique and case-folded: `preferred_username`, and Remote-User of forward-auth. Null while the person waits for approval. */
  username: string | null;
  email: string | null;
  email_verified: boolean;
  /** A https URL. */
  picture: string | null;
  /** A BCP 47 language tag. */
  locale: string | null;
  /** A name of the IANA time zone database. */
  zoneinfo: string | null;
}

/** What a person, an administrator or the owner enters; null removes a value, and what is not given stays. */
export interface ProfilePatch {
  email?: string | null | undefined;
  /** For the owner alone. */
  email_verified?: boolean | undefined;
  picture?: string | null | undefined;
  locale?: string | null | undefined;
  zoneinfo?: string | null | undefined;
}

const EMAIL = /^[^\s@<>,;:"()[\]\\\p{Cc}\p{Cs}]{1,64}@[^\s@<>,;:"()[\]\\\p{Cc}\p{Cs}]{1,255}$/u;
const MAX_URL = 2048;
/** 32 hexadecimal digits: the id that stands for a person without a username. */
const LIKE_AN_ID = /^[0-9a-f]{32}$/i;
const MAX_BASE = 200;
const MAX_NUMBER = 50;

/** Whether the text could be an e-mail address: one that mail programs read as a single recipient. */
export function isEmail(text: string): boolean {
  return text.length <= 320 && EMAIL.test(text);
}

/** The address without blanks around it, in Unicode form NFC. Throws `invalid_format`. */
export function requireEmail(text: string): string {
  const email = pythonStrip(text).normalize('NFC');
  if (!isEmail(email)) throw new AuthError('invalid_format', 'The e-mail address is not valid');
  return email;
}

/** Throws `invalid_format` unless it is a https URL without a password in it. */
export function requirePicture(text: string): string {
  if (!isPicture(text)) throw new AuthError('invalid_format', 'The picture must be a https URL');
  return text;
}

export function isPicture(text: string): boolean {
  if (text.length > MAX_URL || !/^https:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/** Throws `invalid_format` unless it is a BCP 47 language tag. */
export function requireLocale(text: string): string {
  if (!isLocale(text)) throw new AuthError('invalid_format', 'The locale must be a language tag such as de-CH');
  return text;
}

export function isLocale(text: string): boolean {
  if (!/^[A-Za-z0-9-]{2,64}$/.test(text)) return false;
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}

/** Throws `invalid_format` unless the time zone is known. */
export function requireZoneinfo(text: string): string {
  if (!isZoneinfo(text)) throw new AuthError('invalid_format', 'The time zone must be a name such as Europe/Berlin');
  return text;
}

export function isZoneinfo(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/.test(text)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }) !== undefined;
  } catch {
    return false;
  }
}

/** What a provider knows a person by; `data` is that of the credential. */
export interface ProviderNames {
  data: Readonly<Record<string, unknown>>;
  email?: string | null | undefined;
  name?: string | null | undefined;
}

/** The username that fits a person best by what a provider says of them; null where it says nothing usable. */
export function suggestedUsername({ data, email, name }: ProviderNames): string | null {
  const called = [data.username, data.preferred_username, email?.split('@')[0], name?.replace(/\s+/g, '-')];
  for (const text of called) {
    if (typeof text !== 'string') continue;
    const base = foldedUsername(withoutInvisible(text.slice(0, MAX_BASE).toWellFormed()));
    if (newUsernameIssue(base) === null && !isLikeAnId(base)) return base;
  }
  return null;
}

/** Names to try in turn for a new person, so that no two share one: `olivia`, `olivia-2`, and so on. */
export function usernameCandidates(base: string, user_id: string): string[] {
  const numbered = Array.from({ length: MAX_NUMBER - 1 }, (_, index) => `${base}-${index + 2}`);
  return [base, ...numbered, `${base}-${user_id.slice(0, 8)}`, `${base}-${user_id.slice(0, 16)}`];
}

/** The form in which new usernames are stored: stripped, Unicode form NFC, case-folded. */
export function foldedUsername(text: string): string {
  return foldCase(pythonStrip(text.normalize('NFC'))).normalize('NFC');
}

export function isLikeAnId(username: string): boolean {
  return LIKE_AN_ID.test(username);
}
