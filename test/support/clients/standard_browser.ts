// A person with a browser at apps of the standard profile: logs in where a login is asked for,
// answers where an app asks, and stops where the app gets its answer. And the way for client
// libraries to a server of the tests, which listens somewhere else than its public URL says.

import { OWNER, type TestServer } from '../fixtures/server.ts';
import { CALLBACK } from '../fixtures/standard_clients.ts';
import { CHALLENGE } from '../fixtures/standard_grants.ts';
import { visitor } from './page_visitor.ts';

export const ISSUER = 'https://auth.example.com';
const MAX_STEPS = 12;

export interface Answers {
  username?: string;
  password?: string;
  decision?: 'allow' | 'deny';
}

export type StandardBrowser = ReturnType<typeof standardBrowser>;

export function standardBrowser(server: TestServer, headers: Record<string, string> = {}) {
  const browser = visitor(server, headers);

  /**
   * What the server answers at last: a redirect to an app, or a page on which nothing is left to
   * do. `seen`: the pages on the way.
   */
  async function follow(
    url: string,
    answers: Answers = {},
  ): Promise<{ answer: Response; html: string; location: URL | null; seen: Step[] }> {
    const { username = OWNER.username, password = OWNER.password, decision = 'allow' } = answers;
    const seen: Step[] = [];
    let here = url;
    let answer = await browser.get(here);
    for (let step = 0; step < MAX_STEPS; step++) {
      const to = answer.headers.get('location');
      const location = to === null ? null : new URL(to, ISSUER);
      if (location && location.origin !== ISSUER) return { answer, html: '', location, seen };
      if (location) {
        here = location.href;
        answer = await browser.get(here);
        continue;
      }
      const html = await answer.text();
      const next = stepOf(html);
      if (next === null || answer.status !== 200) return { answer, html, location: null, seen };
      seen.push(next);
      answer = await browser.submit(here, html, { login: { username, password }, code: {}, consent: { _decision: decision } }[next]);
    }
    throw new Error(`no end after ${seen}`);
  }

  return {
    ...browser,
    follow,
    /** Where the app is sent: its redirect URI with what the answer says. */
    async authorize(url: string | URL, answers?: Answers): Promise<URL> {
      const { answer, html, location } = await follow(String(url), answers);
      if (!location) throw new Error(`no redirect: ${answer.status} ${html}`);
      return location;
    },
  };
}

type Step = 'login' | 'code' | 'consent';

function stepOf(html: string): Step | null {
  if (html.includes('name="password"')) return 'login';
  if (html.includes('id="user_code"')) return 'code';
  return html.includes('value="allow"') ? 'consent' : null;
}

/**
 * A fetch for client libraries: what is meant for the public URL goes over HTTP to where the server
 * listens.
 */
export function fetchFrom(server: TestServer) {
  return async (url: string, init: object): Promise<Response> => {
    const origin = await server.origin();
    return await fetch(url.replace(ISSUER, origin), { redirect: 'manual', ...init });
  };
}

/** Query parameters; a list is sent one by one, `undefined` not at all. */
export type Fields = Record<string, string | string[] | undefined>;

/** The request of a client that does everything right, but for what is said. */
export function authorizeUrl(fields: Fields = {}): string {
  const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };
  const all = { client_id: 'app', redirect_uri: CALLBACK, response_type: 'code', scope: 'openid', state: 's', ...pkce, ...fields };
  const pairs = Object.entries(all).flatMap(([name, value]) => [value ?? []].flat().map((one): [string, string] => [name, one]));
  return `${ISSUER}/auth/authorize?${new URLSearchParams(pairs)}`;
}
