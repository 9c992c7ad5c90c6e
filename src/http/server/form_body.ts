// Parses forms: urlencoded, multipart (home-assistant-js-websocket sends FormData), or without a
// type. Other types read as an empty form (HA contract 1.1).

import { AuthError } from '../../domain/errors.ts';

const MAX_FIELDS = 100;
const URLENCODED = 'application/x-www-form-urlencoded';
/**
 * Fields that may be repeated (RFC 8707 section 2, RFC 8693 section 2.1), joined by spaces, which
 * URIs do not contain.
 */
const LISTS = ['resource', 'audience'];

/**
 * The fields of a form. Repeated fields are refused in every dialect (RFC 6749 section 3.2), except
 * lists.
 */
export async function parseForm(body: Buffer | undefined, contentType: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (!body || body.length === 0) return new Map();
  const type = mediaType(contentType);
  if (type === 'multipart/form-data') return unique(await multipart(body, contentType ?? ''));
  return unique(type === '' || type === URLENCODED ? urlencoded(body) : []);
}

/**
 * The first field of that name, parsed leniently from a form that `parseForm` refuses. Undefined if
 * there is none.
 */
export function firstField(name: string, body: Buffer | undefined, contentType: string | undefined): string | undefined {
  const text = body?.toString('latin1') ?? '';
  const type = mediaType(contentType);
  if (type === 'multipart/form-data')
    return new RegExp(`\\bname="?${name}"?\\r?\\n(?:[^\\r\\n]+\\r?\\n)*\\r?\\n([^\\r\\n]*)`, 'i').exec(text)?.[1];
  if (type !== '' && type !== URLENCODED) return undefined;
  const pair = text.split('&').find((candidate) => candidate.startsWith(`${name}=`));
  return pair === undefined ? undefined : (new URLSearchParams(pair).get(name) ?? undefined);
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function unique(fields: readonly [string, string][]): ReadonlyMap<string, string> {
  const form = new Map<string, string>();
  if (fields.length > MAX_FIELDS) throw malformed('too many fields');
  for (const [name, value] of fields) {
    const known = form.get(name);
    if (known !== undefined && !LISTS.includes(name)) throw malformed('a repeated field');
    if (name.includes('\0') || value.includes('\0')) throw malformed('NUL in a field');
    form.set(name, known === undefined ? value : `${known} ${value}`);
  }
  return form;
}

function urlencoded(body: Buffer): [string, string][] {
  const pairs = body
    .toString('latin1')
    .split('&', MAX_FIELDS + 1)
    .filter(Boolean);
  return pairs.map((pair) => {
    const end = pair.indexOf('=');
    return end < 0 ? [decode(pair), ''] : [decode(pair.slice(0, end)), decode(pair.slice(end + 1))];
  });
}

/** Percent-decodes strictly as UTF-8; raw bytes outside ASCII are read as UTF-8, too. */
function decode(text: string): string {
  const escaped = text.replaceAll('+', ' ').replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  try {
    return decodeURIComponent(escaped);
  } catch {
    throw malformed('percent-encoding that decodes to no text');
  }
}

async function multipart(body: Buffer, contentType: string): Promise<[string, string][]> {
  const fields: [string, string][] = [];
  for (const [name, value] of await formData(body, contentType)) {
    if (typeof value !== 'string') throw malformed('a file where a field was expected');
    fields.push([name, value]);
  }
  return fields;
}

async function formData(body: Buffer, contentType: string): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw malformed('a multipart body that cannot be read');
  }
}

function malformed(detail: string): AuthError {
  return new AuthError('invalid_request', 'Malformed form', { detail });
}
