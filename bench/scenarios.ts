// What is sent to us and to the peer in each round. Where ours is Home Assistant's dialect, which the peer does not speak, it stands beside the
// peer as it comes (tokens rotate, an ID token goes along) and beside the peer at its leanest (neither).

import { randomInt } from 'node:crypto';
import { type Load, measure } from './load.ts';
import {
  CONFIDENTIAL_CLIENT,
  grantSecret,
  LOGIN,
  PEER_SECRET,
  PUBLIC_CLIENT,
  REDIRECT_URI,
  redeem,
  type Seeds,
  seedCodes,
  seedPeerCodes,
  type Tokens,
  URL_CLIENT,
} from './seed.ts';
import type { Server } from './servers.ts';

export interface Scenario {
  name: string;
  ours: () => Promise<Load>;
  /** Absent: the peer has no such thing. */
  peers?: () => Promise<Load>;
  /** What goes on at our server meanwhile; resolves when it has ended. */
  meanwhile?: (seconds: number) => Promise<unknown>;
}

export interface Bench {
  ours: Server;
  peer: Server;
  /** Our database. */
  database_url: string;
  /** Of our confidential client. */
  client_secret: string;
  /** How many of each kind of token. */
  tokens: number;
  /** How many codes each exchange trades. */
  codes: number;
}

/** Our ways of earning tokens, and the peer's. */
const WAYS = {
  home_assistant: { client_id: URL_CLIENT },
  rotating: { client_id: PUBLIC_CLIENT, scope: 'offline_access' },
  with_id_token: { client_id: PUBLIC_CLIENT, scope: 'openid offline_access' },
  confidential: { client_id: CONFIDENTIAL_CLIENT, scope: 'openid' },
} satisfies Record<string, Seeds>;
const PEER_WAYS = {
  leanest: { client_id: PUBLIC_CLIENT, scope: 'api' },
  rotating: { client_id: PUBLIC_CLIENT, scope: 'api offline_access' },
  as_it_comes: { client_id: PUBLIC_CLIENT, scope: 'openid offline_access' },
  confidential: { client_id: CONFIDENTIAL_CLIENT, scope: 'openid' },
} satisfies Record<string, Seeds>;

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const basic = (secret: string) => ({
  ...FORM,
  authorization: `Basic ${Buffer.from(`${CONFIDENTIAL_CLIENT}:${secret}`).toString('base64')}`,
});
/** A confidential client names itself in its header. */
const named = ({ client_id }: Seeds) => (client_id === CONFIDENTIAL_CLIENT ? {} : { client_id });

export function scenarios({ ours, peer, database_url, client_secret, tokens, codes }: Bench): Scenario[] {
  const exchanges = ({ scope, ...seeds }: Seeds, all: readonly string[]) =>
    all.map((code) =>
      form({ grant_type: 'authorization_code', ...named(seeds), code, ...(scope === undefined ? {} : { redirect_uri: REDIRECT_URI }) }),
    );
  const ourCodes = async (seeds: Seeds, count: number) => exchanges(seeds, await seedCodes(database_url, count, seeds));
  const peerCodes = async (seeds: Seeds, count: number) => exchanges(seeds, await seedPeerCodes(peer, count, seeds));
  const ourTokens = async (seeds: Seeds, count = tokens) =>
    redeem(ours, '/auth/token', named(seeds).client_id ? FORM : basic(client_secret), await ourCodes(seeds, count));
  const peerTokens = async (seeds: Seeds, count = tokens) =>
    redeem(peer, '/token', named(seeds).client_id ? FORM : basic(PEER_SECRET), await peerCodes(seeds, count));

  const keptRefresh = async (path: string, { client_id }: Seeds, all: Tokens[]) => post(path, inTurn(all.map(refreshOf(client_id))));
  const rotatingRefresh = async (path: string, { client_id }: Seeds, all: Tokens[]): Promise<Load> => {
    // The last answer's token goes back into the queue.
    const next = () => all.splice(0, 1).map(refreshOf(client_id))[0];
    return { ...post(path, next), onBody: (answer) => void all.push(JSON.parse(answer) as Tokens) };
  };
  const exchange = async (path: string, bodies: string[]): Promise<Load> => ({ ...post(path, inTurn(bodies)), amount: bodies.length });
  const introspect = async (path: string, secret: string, [one]: Tokens[]): Promise<Load> => ({
    ...post(path, () => form({ token: one?.access_token ?? '' })),
    headers: basic(secret),
  });
  const bearer = async (path: string, [one]: Tokens[], more: Record<string, string> = {}): Promise<Load> => ({
    path,
    headers: { authorization: `Bearer ${one?.access_token}`, ...more },
    status: 200,
  });
  const get = async (path: string): Promise<Load> => ({ path, status: 200 });

  const authorize = `/auth/authorize?${form({ response_type: 'code', client_id: URL_CLIENT, redirect_uri: REDIRECT_URI, state: 'x' })}`;
  const peerAuthorize = `/auth?${form({ response_type: 'code', client_id: PUBLIC_CLIENT, redirect_uri: REDIRECT_URI, state: 'x', scope: 'openid' })}`;
  const refresh = async () => keptRefresh('/auth/token', WAYS.home_assistant, await ourTokens(WAYS.home_assistant));
  const login = () => passwordLogin(ours, authorize);

  return [
    {
      name: 'refresh',
      ours: refresh,
      peers: async () => rotatingRefresh('/token', PEER_WAYS.as_it_comes, await peerTokens(PEER_WAYS.as_it_comes)),
    },
    {
      name: 'refresh | leanest',
      ours: refresh,
      peers: async () => keptRefresh('/token', PEER_WAYS.leanest, await peerTokens(PEER_WAYS.leanest)),
    },
    {
      name: 'refresh, rotating',
      ours: async () => rotatingRefresh('/auth/token', WAYS.rotating, await ourTokens(WAYS.rotating)),
      peers: async () => rotatingRefresh('/token', PEER_WAYS.rotating, await peerTokens(PEER_WAYS.rotating)),
    },
    {
      name: '  with ID token',
      ours: async () => rotatingRefresh('/auth/token', WAYS.with_id_token, await ourTokens(WAYS.with_id_token)),
      peers: async () => rotatingRefresh('/token', PEER_WAYS.as_it_comes, await peerTokens(PEER_WAYS.as_it_comes)),
    },
    {
      name: 'code',
      ours: async () => exchange('/auth/token', await ourCodes(WAYS.home_assistant, codes)),
      peers: async () => exchange('/token', await peerCodes(PEER_WAYS.as_it_comes, codes)),
    },
    {
      name: 'code | leanest',
      ours: async () => exchange('/auth/token', await ourCodes(WAYS.home_assistant, codes)),
      peers: async () => exchange('/token', await peerCodes(PEER_WAYS.leanest, codes)),
    },
    {
      name: '  with ID token',
      ours: async () => exchange('/auth/token', await ourCodes(WAYS.with_id_token, codes)),
      peers: async () => exchange('/token', await peerCodes(PEER_WAYS.as_it_comes, codes)),
    },
    {
      name: 'introspection',
      ours: async () => introspect('/auth/introspect', client_secret, await ourTokens(WAYS.confidential, 1)),
      peers: async () => introspect('/token/introspection', PEER_SECRET, await peerTokens(PEER_WAYS.confidential, 1)),
    },
    {
      name: 'userinfo',
      ours: async () => bearer('/auth/userinfo', await ourTokens(WAYS.with_id_token, 1)),
      peers: async () => bearer('/me', await peerTokens(PEER_WAYS.as_it_comes, 1)),
    },
    { name: 'discovery', ours: () => get('/.well-known/openid-configuration'), peers: () => get('/.well-known/openid-configuration') },
    { name: 'JWKS', ours: () => get('/.well-known/jwks.json'), peers: () => get('/jwks') },
    {
      name: 'login page',
      ours: () => get(authorize),
      peers: async () => ({ path: peerAuthorize, status: 303, follow: true }),
    },
    { name: 'login', ours: login },
    { name: 'refresh in logins', ours: refresh, meanwhile: async (seconds) => measure(ours, await login(), seconds) },
  ];
}

/** Refreshes of any of the first `count` grants of `seedGrants`. */
export function refreshOfAny(count: number): Load {
  const any = () => ({ access_token: '', refresh_token: grantSecret(randomInt(1, count + 1)) });
  return post('/auth/token', () => refreshOf(URL_CLIENT)(any()));
}

function post(path: string, body: () => string | undefined): Load {
  return { path, method: 'POST', headers: FORM, body, status: 200 };
}

function refreshOf(client_id: string) {
  return ({ refresh_token }: Tokens) => form({ grant_type: 'refresh_token', client_id, refresh_token });
}

function inTurn(bodies: readonly string[]): () => string | undefined {
  let next = 0;
  return () => bodies[next++ % bodies.length];
}

/** The login page's own form, sent again and again by one browser: cookie, form token, password. */
async function passwordLogin(server: Server, path: string): Promise<Load> {
  const page = await fetch(server.url + path);
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
  return { path, method: 'POST', headers: { ...FORM, cookie }, body: () => form({ csrf_token, ...LOGIN }), status: 303 };
}
