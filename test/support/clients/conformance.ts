// A relying party as OpenID's conformance suite plays one: it sends a person's browser to the
// server, takes what comes back, and looks at everything it is given with the suite's checks.
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { expect } from 'vitest';
import { s256Challenge } from '../../../src/domain/pkce.ts';
import { randomId } from '../../../src/domain/secret.ts';
import {
  type Callback,
  checkCallback,
  checkIdToken,
  checkTokenAnswer,
  checkUserinfo,
  ISSUER,
  type ResponseMode,
  type TokenAnswer,
} from '../checks/conformance_checks.ts';
import { OWNER, startServer, type TestServer } from '../fixtures/server.ts';
import { fieldsOf, formAction, visitor } from './page_visitor.ts';

export const RP_REDIRECT_URI = 'https://rp.example.com/callback';
export const BYE_URI = 'https://rp.example.com/bye';
/** In the response modes of the two plans; a request says nothing of the default. */
export const MODES: readonly ResponseMode[] = ['query', 'form_post'];

/** A server with the suite's clients, and a person of whom everything is known. */
export async function startConformanceServer(fields: Record<string, unknown> = {}): Promise<TestServer> {
  // The suite uses PKCE in a single module.
  const client = { redirect_uris: [RP_REDIRECT_URI], post_logout_redirect_uris: [BYE_URI], require_pkce: false, ...fields };
  const clients = [
    { ...client, client_id: 'rp', client_secret: secretOf('rp') },
    { ...client, client_id: 'rp-2', client_secret: secretOf('rp-2'), redirect_uris: ['https://rp-2.example.com/callback'] },
    { ...client, client_id: 'urn:example:app', client_secret: secretOf('urn:example:app') },
    { ...client, client_id: 'rp-post', client_secret: secretOf('rp-post'), token_endpoint_auth_method: 'client_secret_post' },
  ];
  const server = await startServer({ config: { clients } });
  await server.createOwner();
  await server.container.database.kysely.updateTable('users').set({ email: 'ada@example.com', email_verified: true }).execute();
  return server;
}

const secretOf = (client_id: string) => `a long secret of ${client_id}: %+/=`;

/** Parameters of a request; undefined leaves one out that is there otherwise. */
export type Parameters = Record<string, string | undefined>;

/** Where a browser ended, and what its person did on the way. */
export interface Visited {
  callback: Callback | null;
  page: { status: number; html: string } | null;
  logins: number;
  consents: number;
}

/** A login that went well: what was sent, what came of it. */
export interface LoggedIn extends Visited {
  code: string;
  sent: URLSearchParams;
  tokens: TokenAnswer;
  claims: JWTPayload & { sub: string };
}

interface Options {
  client_id?: string;
  redirect_uri?: string;
  pkce?: boolean;
  browser?: ReturnType<typeof visitor>;
}

export type RelyingParty = ReturnType<typeof relyingParty>;

export function relyingParty(server: TestServer, response_mode: ResponseMode = 'query', options: Options = {}) {
  const { client_id = 'rp', redirect_uri = RP_REDIRECT_URI, pkce = false, browser = visitor(server) } = options;
  const verifier = randomId() + randomId(); // 43 characters at least

  /** A request; every one of its own. */
  function requestOf(parameters: Parameters = {}): URLSearchParams {
    const challenge = pkce && { code_challenge: s256Challenge(verifier), code_challenge_method: 'S256' };
    const asked = {
      response_type: 'code',
      client_id,
      redirect_uri,
      scope: 'openid',
      state: randomId(),
      nonce: randomId(),
      ...challenge,
    };
    const all = { ...asked, ...(response_mode !== 'query' && { response_mode }), ...parameters };
    return new URLSearchParams(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  /** The person does what the page asks: logs in, says yes. */
  async function act(answer: Response, url: string, visited: Visited): Promise<Response | null> {
    const html = await answer.text();
    if (html.includes('name="password"')) {
      visited.logins += 1;
      return await browser.submit(url, html, { username: OWNER.username, password: OWNER.password });
    }
    if (html.includes('name="_decision"')) {
      visited.consents += 1;
      return await browser.submit(url, html, { _decision: 'allow' });
    }
    const action = formAction(html, url);
    if (action.startsWith('https://') && !action.startsWith(ISSUER)) visited.callback = formPost(action, html);
    else visited.page = { status: answer.status, html };
    return null;
  }

  function formPost(action: string, html: string): Callback {
    expect(html).toMatch(/<script [^>]*src="[^"]*form_post[^"]*\.js"/);
    expect(html).not.toContain('enctype=');
    return { method: 'POST', url: new URL(action), parameters: new URLSearchParams(fieldsOf(html)) };
  }

  /** Goes with the browser until the server is done with it. */
  async function follow(first: Response, from: string): Promise<Visited> {
    const visited: Visited = { callback: null, page: null, logins: 0, consents: 0 };
    let url = new URL(from, ISSUER);
    for (let answer: Response | null = first, steps = 0; answer && steps < 15; steps += 1) {
      const location = answer.headers.get('location');
      if (location === null) {
        answer = await act(answer, url.href, visited);
        continue;
      }
      expect([302, 303]).toContain(answer.status);
      url = new URL(location, url);
      if (url.origin !== ISSUER) return { ...visited, callback: readRedirect(url) };
      answer = await browser.get(url.href);
    }
    return visited;
  }

  function readRedirect(url: URL): Callback {
    // Without an answer in the fragment it is in the query, where the registered URI may have
    // something too.
    const parameters = url.hash === '' ? url.searchParams : new URLSearchParams(url.hash.slice(1));
    return { method: 'GET', url, parameters };
  }

  /** Sends the browser with a request; whatever comes. */
  async function visit(parameters: Parameters = {}): Promise<Visited & { sent: URLSearchParams }> {
    const sent = requestOf(parameters);
    const url = `/auth/authorize?${sent}`;
    return { ...(await follow(await browser.get(url), url)), sent };
  }

  function check(visited: Visited & { sent: URLSearchParams }) {
    expect(visited.callback, visited.page?.html).not.toBeNull();
    const to = { redirect_uri: visited.sent.get('redirect_uri') ?? redirect_uri, response_mode };
    return checkCallback(visited.callback!, { ...to, state: visited.sent.get('state') });
  }

  function authenticated(form: Record<string, string>) {
    const client_secret = secretOf(client_id);
    if (client_id === 'rp-post') return { form: { ...form, client_id, client_secret } };
    const basic = [client_id, client_secret].map((text) => encodeURIComponent(text)).join(':');
    return { form, headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` } };
  }

  const token = (form: Record<string, string>) => server.inject({ method: 'POST', url: '/auth/token', ...authenticated(form) });

  const rp = {
    browser,
    redirect_uri,
    requestOf,
    visit,
    follow,
    token,

    /** The request is refused by redirect; answers the error. */
    async refused(parameters: Parameters = {}): Promise<string> {
      const answer = check(await visit(parameters));
      return 'error' in answer ? answer.error : expect.fail('there is a code');
    },

    /** Trades a code, whatever comes. */
    redeem: (code: string) => token({ grant_type: 'authorization_code', code, redirect_uri, ...(pkce && { code_verifier: verifier }) }),

    /**
     * What came of a request becomes tokens. `named`: claims that the ID token may have beside
     * those of the login.
     */
    async finish(visited: Visited & { sent: URLSearchParams }, named: string[] = []): Promise<LoggedIn> {
      const answer = check(visited);
      if (!('code' in answer)) return expect.fail(answer.error);
      const tokens = checkTokenAnswer(await rp.redeem(answer.code));
      const claims = await rp.readIdToken(tokens, visited.sent.get('nonce'), named);
      return { ...visited, ...answer, tokens, claims };
    },

    /** The whole way, each step of it checked. */
    async logIn(parameters: Parameters = {}, named: string[] = []): Promise<LoggedIn> {
      return await rp.finish(await visit(parameters), named);
    },

    async readIdToken({ id_token, access_token }: TokenAnswer, nonce: string | null, claims: string[] = []) {
      const jwks: JSONWebKeySet = (await server.inject({ url: '/.well-known/jwks.json' })).json();
      const expected = { client_id, nonce, now: server.clock(), jwks, access_token, claims };
      return (await checkIdToken(id_token, expected)) as JWTPayload & { sub: string };
    },

    /** What userinfo tells; just these claims, and `sub`. */
    async userinfo({ tokens, claims }: Pick<LoggedIn, 'tokens' | 'claims'>, names: readonly string[] = []) {
      return checkUserinfo(await server.inject({ url: '/auth/userinfo', token: tokens.access_token }), claims.sub, names);
    },
  };
  return rp;
}

/** A page of the server's own says what is wrong; nobody is sent anywhere. */
export function expectErrorPage({ callback, page }: Visited): void {
  expect(callback).toBeNull();
  expect(page!.status).toBe(400);
  expect(page!.html).toMatch(/^<!doctype html>/i);
}
