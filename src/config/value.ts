// The value types of settings, each with its error message.

import { z } from 'zod';
import { parseNetwork } from '../domain/network.ts';

/** A whole number within bounds. */
export function integer(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A whole number within bounds, or -1 for never. */
export function countOrNever(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}, or -1 for never`;
  return z.int({ error }).refine((count) => count === -1 || (count >= least && count <= most), { error });
}

/** An identifier in rows, URLs and lists: never empty, case-sensitive. */
export function identifier() {
  return z.string().regex(/^[a-z0-9_-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, _ and -');
}

/** A display name. */
export function displayName() {
  return z.string().trim().min(1).max(100);
}

/** A path, relative to the configuration file. */
export function path() {
  return z.string().min(1).max(4096).meta({ path: true });
}

/** A file of PEM certificates, which is read during validation. */
export function certificateFile() {
  return path().meta({ path: true, holds: 'certificates' });
}

/** The server's base URL: scheme, host and port. Read as an origin without trailing slash. */
export function publicUrl() {
  const error = 'must be an http or https URL of a host alone: no path, query or user';
  return z.string({ error }).transform((text, context) => {
    if (/^https?:\/\/[^/?#@\\\s]+\/?$/i.test(text) && URL.canParse(text)) return new URL(text).origin;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });
}

/** An origin as browsers send it (RFC 6454 section 6.2); `*` and `null` would allow every page. */
export function origin() {
  return z
    .string()
    .refine(isOrigin, 'must be an origin such as https://app.example.com: no path, no slash at the end, and neither * nor null');
}

function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@*\\\s]+$/.test(text) || !URL.canParse(text)) return false;
  return !/^https?:/.test(text) || new URL(text).origin === text;
}

/** A PostgreSQL connection URL, possibly with a password. */
export function databaseUrl() {
  return z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'must be a URL such as postgres://user:password@host:5432/latchkey')
    .refine((text) => !text.includes('#'), 'has a # that ends the address there: write it %23, or set database.password')
    .refine(
      isDatabaseUrl,
      'cannot be read as a URL: write / ? @ and other special characters of the password percent-encoded, or set database.password',
    )
    .max(4096)
    .meta({ secret: true });
}

function isDatabaseUrl(text: string): boolean {
  // pg accepts a user without host, for a socket named by the query.
  const url = text.replace('@/', '@localhost/');
  return !text.startsWith('postgres') || text.includes('#') || URL.canParse(url);
}

/** A secret of sufficient length. */
export function secretText(shortest: number) {
  return z.string().min(shortest).max(4096).meta({ secret: true });
}

/** The same, for an Authorization header. */
export function bearerText(shortest: number) {
  return z
    .string()
    .min(shortest)
    .max(512)
    .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without blanks')
    .meta({ secret: true });
}

/**
 * A reverse proxy: a network, an address, or a host name (RFC 1123) whose last label is not
 * numeric.
 */
export function proxy() {
  const error = 'must be an address or network such as 10.0.0.0/8, host bits zero and IPv4 written as IPv4, or a host name that resolves';
  return z.string({ error }).refine((text) => parseNetwork(text) !== null || isHostName(text), { error });
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(text);
}

/** A host name without port, in lower case. */
export function hostName() {
  return z
    .string()
    .regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i, 'must be a host name such as auth.local, without port')
    .max(253)
    .transform((name) => name.toLowerCase());
}
