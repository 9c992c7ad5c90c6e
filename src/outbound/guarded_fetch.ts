// GETs an untrusted URL: never at an internal address, with limits on time and size.
import type { Dispatcher } from 'undici';
import { deadline } from '../domain/deadline.ts';
import { type AddressGuard, guardedRequest, resolveHost } from './guarded_request.ts';

/** Defaults to DNS. `deadline_ms` covers everything: names, connections, redirects and body. */
export type GuardedFetchOptions = Pick<AddressGuard, 'isAllowed'> & Partial<AddressGuard>;

/**
 * The start of the body, whatever the status; what arrived before the deadline counts. Null without
 * a response.
 */
export type GuardedFetch = (url: string, signal?: AbortSignal) => Promise<Buffer | null>;

const DEADLINE_MS = 5_000;
const MAX_BYTES = 10_240;
const MAX_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
const HEADERS = { accept: 'text/html', 'accept-encoding': 'identity', 'user-agent': 'Latchkey' };

export function createGuardedFetch({ isAllowed, resolve = resolveHost, deadline_ms = DEADLINE_MS }: GuardedFetchOptions): GuardedFetch {
  const guard = { isAllowed, resolve, deadline_ms };
  return async (start, stop) => {
    const signal = deadline(deadline_ms, stop);
    let url = start;
    try {
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
        const answer = await visit(new URL(url), guard, signal);
        if (typeof answer !== 'string') return answer;
        url = new URL(answer, url).href;
      }
      return null;
    } catch {
      // Closed ports, unknown names and invalid certificates look the same to the caller.
      return null;
    }
  };
}

/** The start of the body, or the redirect's target. */
async function visit(url: URL, guard: AddressGuard, signal: AbortSignal): Promise<Buffer | string | null> {
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return null;
  return await guardedRequest(url, guard, { signal, headers: HEADERS }, async (answer) => {
    const { location } = answer.headers;
    return REDIRECTS.includes(answer.statusCode) && typeof location === 'string' ? location : await startOf(answer);
  });
}

async function startOf({ headers, body }: Dispatcher.ResponseData): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // No compression was requested and none is accepted, because of decompression bombs.
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') return Buffer.alloc(0);
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BYTES) break;
    }
  } catch {
    // HA contract 4.3: on failure, what arrived so far counts.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES);
}
