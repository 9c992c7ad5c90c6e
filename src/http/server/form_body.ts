// Parses forms: urlencoded (as the parser of @fastify/formbody), multipart
// (home-assistant-js-websocket sends FormData), or without a type. Other types read as an empty
// form (HA contract 1.1).

import { AuthError } from '../../domain/errors.ts';

const MAX_FIELDS = 100;
/**
 * Fields that may be repeated (RFC 8707 section 2, RFC 8693 section 2.1), joined by spaces, which
 * URIs do not contain.
 */
const LISTS = ['resource', 'audience'];

/** A body of type application/x-www-form-urlencoded. */
export type UrlencodedBody = {
  /** As sent: Home Assistant reads JSON under this type, too. */
  text: string;
  /** The fields, or why there are none; thrown only where a form is expected. */
  form: ReadonlyMap<string, string> | AuthError;
};

/** The parser of @fastify/formbody, which must not throw. */
export function parseUrlencoded(text: string): UrlencodedBody {
  try {
    return { text, form: uniqueFields(urlencoded(text)) };
  } catch (error) {
    if (error instanceof AuthError) return { text, form: error };
    throw error;
  }
}

/**
 * The fields of a form. Repeated fields are refused in every dialect (RFC 6749 section 3.2), except
 * lists.
 */
export async function parseForm(
  body: Buffer | UrlencodedBody | undefined,
  contentType: string | undefined,
): Promise<ReadonlyMap<string, string>> {
  if (body === undefined) return new Map();
  if (!Buffer.isBuffer(body)) {
    if (body.form instanceof AuthError) throw body.form;
    return body.form;
  }
  const type = mediaType(contentType);
  if (type === 'multipart/form-data') return uniqueFields(await multipart(body, contentType ?? ''));
  return type === '' ? uniqueFields(urlencoded(body.toString())) : new Map();
}

/**
 * The first field of that name, parsed leniently from a form that `parseForm` refuses. Undefined if
 * there is none.
 */
export function firstField(name: string, body: Buffer | UrlencodedBody | undefined, contentType: string | undefined): string | undefined {
  const text = Buffer.isBuffer(body) ? body.toString('latin1') : (body?.text ?? '');
  const type = mediaType(contentType);
  if (type === 'multipart/form-data')
    return new RegExp(`\\bname="?${name}"?\\r?\\n(?:[^\\r\\n]+\\r?\\n)*\\r?\\n([^\\r\\n]*)`, 'i').exec(text)?.[1];
  if (type !== '' && type !== 'application/x-www-form-urlencoded') return undefined;
  const pair = text.split('&').find((candidate) => candidate.startsWith(`${name}=`));
  return pair === undefined ? undefined : (new URLSearchParams(pair).get(name) ?? undefined);
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function uniqueFields(fields: readonly [string, string][]): ReadonlyMap<string, string> {
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

function urlencoded(text: string): [string, string][] {
  const pairs = text.split('&', MAX_FIELDS + 1).filter(Boolean);
  return pairs.map((pair) => {
    const end = pair.indexOf('=');
    return end < 0 ? [decode(pair), ''] : [decode(pair.slice(0, end)), decode(pair.slice(end + 1))];
  });
}

/**
 * Percent-decodes strictly as UTF-8. An unescaped U+FFFD stands for bytes that were no UTF-8.
 */
function decode(text: string): string {
  if (text.includes('\ufffd')) throw malformed('bytes that are no UTF-8');
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
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
