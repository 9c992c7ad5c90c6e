// Parses `Authorization: Basic`. RFC 6749 section 2.3.1 requires form-encoding of id and secret,
// which many clients omit (curl, requests, PHP); ambiguous credentials yield both readings.

export interface BasicCredentials {
  client_id: string;
  client_secret: string;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The possible credentials, form-decoded first; one if both agree. Null if malformed. */
export function parseBasic(authorization: string): [BasicCredentials, ...BasicCredentials[]] | null {
  const [, base64] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? [];
  if (base64 === undefined) return null;
  const text = decode(Buffer.from(base64, 'base64'));
  const colon = text.indexOf(':');
  if (colon < 0) return null;
  const raw = { client_id: text.slice(0, colon), client_secret: text.slice(colon + 1) };
  if (!/[%+]/.test(text)) return [raw];
  const decoded = { client_id: formDecoded(raw.client_id), client_secret: formDecoded(raw.client_secret) };
  return decoded.client_id === raw.client_id && decoded.client_secret === raw.client_secret ? [raw] : [decoded, raw];
}

function decode(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

/** Unchanged if it is not form-encoded. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
