// Converts an upstream's claims to an identity.
import type { Identity } from '../../domain/auth_provider.ts';
import { isLocale, isPicture, isZoneinfo } from '../../domain/profile.ts';
import { cleanText } from '../../domain/text.ts';
import type { OidcClaims } from './presets.ts';

/** Unvalidated claims. */
export type Claims = Readonly<Record<string, unknown>>;

const MAX_SUBJECT = 255;
const MAX_GROUPS = 1000;
const MAX_TEXT = 1024;
const PLAIN = /^[^\p{Cc}\p{Cs}]+$/u;
/** The values of RFC 8176 section 2. */
const METHODS = 'face fpt geo hwk iris kba mca mfa otp pin pop pwd rba retina sc sms swk tel user vbm wia'.split(' ');

/**
 * The identity, or why there is none. `issuer`: part of the subject, which is unique per issuer.
 * `trust_email`: whether the upstream's verification counts.
 */
export function oidcIdentity(
  issuer: string,
  claims: Claims,
  { names, trust_email }: { names: OidcClaims; trust_email: boolean },
): Identity | { refused: string } {
  const sub = subjectOf(claimOf(claims, names.subject));
  if (sub === null) return { refused: `no usable ${names.subject} among the claims` };
  const username = textOf(claimOf(claims, names.username));
  const name = textOf(claimOf(claims, names.name)) ?? username;
  const data = { sub, ...(username !== null && { preferred_username: username }) };
  const profile = { ...emailOf(claims, names, trust_email), ...profileOf(claims) };
  const groups = groupsOf(claims, names.groups);
  return { subject: `${issuer} ${sub}`, data, name, ...profile, ...(groups && { groups }), amr: methodsOf(claims.amr) };
}

/** An address that was not checked may be anything. */
function emailOf(claims: Claims, names: OidcClaims, trust_email: boolean): Pick<Identity, 'email' | 'email_verified' | 'unverified_email'> {
  const email = textOf(claimOf(claims, names.email));
  if (isTrue(claimOf(claims, names.email_verified))) return { email, email_verified: trust_email };
  return { email: null, ...(email !== null && { unverified_email: email }) };
}

/** OpenID Connect Core section 5.1. */
function profileOf({ picture, locale, zoneinfo }: Claims): Pick<Identity, 'picture' | 'locale' | 'zoneinfo'> {
  return {
    ...(typeof picture === 'string' && isPicture(picture) && { picture }),
    ...(typeof locale === 'string' && isLocale(locale) && { locale }),
    ...(typeof zoneinfo === 'string' && isZoneinfo(zoneinfo) && { zoneinfo }),
  };
}

/** The claims named in `names` that are absent. */
export function missingClaims(claims: Claims, names: OidcClaims): string[] {
  return Object.values(names).filter((name) => claimOf(claims, name) === undefined);
}

function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  const dot = name.indexOf('.');
  const inner = dot < 0 ? undefined : claimOf(claims, name.slice(0, dot));
  return isClaims(inner) ? claimOf(inner, name.slice(dot + 1)) : undefined;
}

function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * OpenID Connect Core section 2: at most 255 characters, compared exactly. GitHub's are numbers.
 */
function subjectOf(value: unknown): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  return typeof value === 'string' && PLAIN.test(value) && value.length <= MAX_SUBJECT ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? cleanText(value) || null : null;
}

/**
 * A text, a list of texts, or a list of objects with a name. Null if the claim is absent or only
 * referenced (OpenID Connect Core section 5.6.2; Microsoft Entra for many groups), which differs
 * from an empty list.
 */
function groupsOf(claims: Claims, name: string): string[] | null {
  const value = claimOf(claims, name);
  const elsewhere = claims._claim_names;
  if (value === undefined || (isClaims(elsewhere) && Object.hasOwn(elsewhere, name) && [value].flat().length === 0)) return null;
  const list = Array.isArray(value) ? value : [value];
  const names = list.slice(0, MAX_GROUPS).map((group) => (isClaims(group) ? group.name : group));
  return [...new Set(names.filter((name) => typeof name === 'string' && name.length <= MAX_TEXT && PLAIN.test(name)))];
}

/** The upstream's methods are reduced to whether there was more than one factor. */
function methodsOf(amr: unknown): string[] {
  return Array.isArray(amr) && amr.includes('mfa') ? METHODS.filter((method) => amr.includes(method)) : [];
}

/** Some servers send it as text. */
function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}
