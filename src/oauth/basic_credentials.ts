// `Authorization: Basic` as clients send it (RFC 6749 section 2.3.1): id and secret form-encoded, then base64. Many skip the encoding,
// so what cannot be encoded text is taken as it is.

export interface BasicCredentials {
  client_id: string;
  client_secret: string;
}

/** What `encodeURIComponent` and form encoders leave, and what they make of the rest. */
const ENCODED = /^(?:[A-Za-z0-9*\-._~!'()+]|%[0-9A-F]{2})*$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Null for anything that is no Basic credentials. */
export function parseBasic(authorization: string): BasicCredentials | null {
  const [, base64] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? [];
  if (base64 === undefined) return null;
  const text = decode(Buffer.from(base64, 'base64'));
  const colon = text.indexOf(':');
  return colon < 0 ? null : { client_id: plain(text.slice(0, colon)), client_secret: plain(text.slice(colon + 1)) };
}

function decode(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function plain(text: string): string {
  if (!ENCODED.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
