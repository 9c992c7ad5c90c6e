// A person's profile, and the validation of its fields.
import { AuthError } from './errors.ts';
import { foldCase, pythonStrip, withoutInvisible } from './text.ts';
import { newUsernameIssue } from './user.ts';

/** The profile in lists and claims. */
export interface PersonProfile {
  /**
   * Unique and case-folded; `preferred_username`, and Remote-User of forward-auth. Null while the
   * person waits for approval.
   */
  username: string | null;
  email: string | null;
  email_verified: boolean;
  /** A https URL. */
  picture: string | null;
  /** A BCP 47 language tag. */
  locale: string | null;
  /** An IANA time zone name. */
  zoneinfo: string | null;
}

/** An update of the profile; null removes a value, absent keeps it. */
export interface ProfilePatch {
  email?: string | null | undefined;
  /** Set by the owner only. */
  email_verified?: boolean | undefined;
  picture?: string | null | undefined;
  locale?: string | null | undefined;
  zoneinfo?: string | null | undefined;
}

const EMAIL = /^[^\s@<>,;:"()[\]\\\p{Cc}\p{Cs}]{1,64}@[^\s@<>,;:"()[\]\\\p{Cc}\p{Cs}]{1,255}$/u;
const MAX_URL = 2048;
/** 32 hexadecimal digits: the id used for a person without a username. */
const LIKE_AN_ID = /^[0-9a-f]{32}$/i;
const MAX_BASE = 200;
const MAX_NUMBER = 50;

/** Whether the text is an e-mail address that mail programs read as a single recipient. */
export function isEmail(text: string): boolean {
  return text.length <= 320 && EMAIL.test(text);
}

/** The trimmed address in Unicode form NFC. Throws `invalid_format`. */
export function requireEmail(text: string): string {
  const email = pythonStrip(text).normalize('NFC');
  if (!isEmail(email)) throw new AuthError('invalid_format', 'The e-mail address is not valid');
  return email;
}

/** Throws `invalid_format` unless it is an https URL without a password. */
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

/** The names that a provider knows a person by; `data` is the credential's. */
export interface ProviderNames {
  data: Readonly<Record<string, unknown>>;
  email?: string | null | undefined;
  name?: string | null | undefined;
}

/** The best username for a person from the provider's names; null if none is usable. */
export function suggestedUsername({ data, email, name }: ProviderNames): string | null {
  const called = [data.username, data.preferred_username, email?.split('@')[0], name?.replace(/\s+/g, '-')];
  for (const text of called) {
    if (typeof text !== 'string') continue;
    const base = foldedUsername(withoutInvisible(text.slice(0, MAX_BASE).toWellFormed()));
    if (newUsernameIssue(base) === null && !isLikeAnId(base)) return base;
  }
  return null;
}

/** Candidates for a unique username: `olivia`, `olivia-2`, and so on. */
export function usernameCandidates(base: string, user_id: string): string[] {
  const numbered = Array.from({ length: MAX_NUMBER - 1 }, (_, index) => `${base}-${index + 2}`);
  return [base, ...numbered, `${base}-${user_id.slice(0, 8)}`, `${base}-${user_id.slice(0, 16)}`];
}

/** Normalizes a username for storage: trimmed, Unicode form NFC, case-folded. */
export function foldedUsername(text: string): string {
  return foldCase(pythonStrip(text.normalize('NFC'))).normalize('NFC');
}

export function isLikeAnId(username: string): boolean {
  return LIKE_AN_ID.test(username);
}
