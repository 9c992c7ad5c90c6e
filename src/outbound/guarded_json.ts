// GETs a JSON document from an untrusted URL with the guard of guarded_fetch.ts: no redirects,
// status 200, a few kilobytes.
import type { Dispatcher } from 'undici';
import { deadline } from '../domain/deadline.ts';
import type { GuardedFetchOptions } from './guarded_fetch.ts';
import { guardedRequest, isForbiddenAddress, resolveHost } from './guarded_request.ts';

/**
 * `other`: not a JSON document. `broken`: not parsable. `inside`: at a forbidden address.
 * `unreachable`: unknown; may succeed later.
 */
export type JsonAnswer =
  | { outcome: 'json'; value: unknown; max_age: number | null }
  /** `reason` is for the log only; it would let untrusted people scan the internal network. */
  | { outcome: 'other' | 'broken' | 'inside' | 'unreachable'; reason: string };

/** `signal`: aborts besides the deadline. */
export type GuardedJson = (url: string, signal?: AbortSignal) => Promise<JsonAnswer>;

export interface GuardedJsonOptions extends GuardedFetchOptions {
  max_bytes: number;
}

const DEADLINE_MS = 5_000;
const HEADERS = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'Latchkey' };
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export function createGuardedJson(options: GuardedJsonOptions): GuardedJson {
  const { isAllowed, max_bytes, resolve = resolveHost, deadline_ms = DEADLINE_MS } = options;
  return async (url, signal) => {
    const asked = { signal: deadline(deadline_ms, signal), headers: HEADERS };
    try {
      return await guardedRequest(url, { isAllowed, resolve, deadline_ms }, asked, (answer) => read(answer, max_bytes));
    } catch (error) {
      if (isForbiddenAddress(error)) return { outcome: 'inside', reason: 'its host has an address that may not be fetched from' };
      return { outcome: 'unreachable', reason: error instanceof Error ? causeText(error) : String(error) };
    }
  };
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData, max_bytes: number): Promise<JsonAnswer> {
  if (statusCode >= 500 || statusCode === 429) return { outcome: 'unreachable', reason: `it answered ${statusCode}` };
  if (statusCode !== 200) return { outcome: 'other', reason: `it answered ${statusCode}` };
  if (!isJson(headers['content-type']))
    return { outcome: 'other', reason: `its content type is ${headers['content-type'] ?? 'missing'}, not JSON` };
  // No compression was requested and none is accepted, because of decompression bombs.
  if (![undefined, 'identity'].includes(String(headers['content-encoding'] ?? 'identity')))
    return { outcome: 'broken', reason: 'it is compressed' };
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > max_bytes) return { outcome: 'broken', reason: `it is larger than ${max_bytes} bytes` };
  }
  const max_age = maxAge(headers['cache-control']);
  try {
    return { outcome: 'json', value: JSON.parse(UTF8.decode(Buffer.concat(chunks))), max_age };
  } catch {
    return { outcome: 'broken', reason: 'it is not JSON in UTF-8' };
  }
}

/** The reason behind a failed request; fetch errors carry it as their cause. */
function causeText(error: Error): string {
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

function isJson(type: string | string[] | undefined): boolean {
  return typeof type === 'string' && /^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(type.trim());
}

/** In seconds; null if unspecified. */
function maxAge(control: string | string[] | undefined): number | null {
  const text = [control ?? []].flat().join(',').toLowerCase();
  if (/\bno-(store|cache)\b/.test(text)) return 0;
  const [, seconds] = /\bmax-age\s*=\s*"?(\d{1,15})/.exec(text) ?? [];
  return seconds === undefined ? null : Number(seconds);
}
