// A GET of a URL that a stranger named: never at an address inside, never for long, never much. Called by client_page.ts.
import type { Dispatcher } from 'undici';
import { deadline } from '../domain/deadline.ts';
import { type AddressGuard, guardedRequest, resolveHost } from './guarded_request.ts';

/** Without more, DNS is asked. `deadline_ms` is for everything together: names, connections, redirects and body. */
export type GuardedFetchOptions = Pick<AddressGuard, 'isAllowed'> & Partial<AddressGuard>;

/** The start of the body, whatever the status; what had come when time was up counts. Null when no answer came at all. */
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
      // A port that is closed, a name that is unknown, a certificate that is wrong: nobody is told which.
      return null;
    }
  };
}

/** The start of the body, or where the answer redirects to. */
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
  // Nothing compressed was asked for, and nothing is unpacked: that could be a bomb.
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') return Buffer.alloc(0);
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BYTES) break;
    }
  } catch {
    // HA contract 4.3: a failure leaves what had come so far.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES);
}
