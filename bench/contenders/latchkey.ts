// Latchkey from a built checkout: this version or an older one. Codes are inserted as rows, because
// logins would measure argon2; everything else uses its endpoints.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Contender, ContenderOptions } from '../contender.ts';
import type { Load } from '../load.ts';
import { type Server, startServer } from '../processes.ts';
import {
  authorizeQuery,
  BASIC,
  bearer,
  CLIENT_CREDENTIALS,
  CLIENT_SECRET,
  CONFIDENTIAL_CLIENT,
  type Code,
  challengeOf,
  ES256_CLIENT,
  exchange,
  exchangeBodies,
  FORM,
  form,
  headersOf,
  introspect,
  keptRefresh,
  LOGIN,
  newVerifier,
  PUBLIC_CLIENT,
  post,
  REDIRECT_URI,
  redeem,
  rotatingRefresh,
  type Seeds,
  type Tokens,
  URL_CLIENT,
  visit,
  wayToPage,
} from '../tokens.ts';

/** The protected host of the benchmark's proxy. */
const PROTECTED_HOST = 'app.internal.example.com';
const PROXY_HEADERS = { 'x-forwarded-for': '203.0.113.7', 'x-original-url': `https://${PROTECTED_HOST}/page`, 'x-original-method': 'GET' };
const LOGIN_CLIENTS = 4;

const WAYS = {
  home_assistant: { client_id: URL_CLIENT },
  rotating: { client_id: PUBLIC_CLIENT, scope: 'offline_access' },
  rs256: { client_id: PUBLIC_CLIENT, scope: 'openid offline_access' },
  es256: { client_id: ES256_CLIENT, scope: 'openid offline_access' },
  confidential: { client_id: CONFIDENTIAL_CLIENT, scope: 'openid' },
} satisfies Record<string, Seeds>;

/** `checkout`: a built folder (`npm run build`). */
export async function startLatchkey(name: string, checkout: string, options: ContenderOptions): Promise<Contender> {
  const folder = join(options.folder, name);
  await mkdir(folder);
  const database_url = await options.database.create(`bench_${name.replace(/\W/g, '_')}`);
  await writeFile(join(folder, 'config.yaml'), configOf(options.port));
  const start = () =>
    startServer({
      name,
      argv: [join(checkout, 'dist/main.js'), 'serve', '--config', join(folder, 'config.yaml')],
      port: options.port,
      probe: '/readyz',
      // MALLOC_ARENA_MAX as in `npm start` and the image.
      env: { NODE_ENV: 'production', MALLOC_ARENA_MAX: '2', LATCHKEY_DATABASE_URL: database_url },
      log_file: join(folder, 'log'),
    });
  const server = await start();
  await createOwner(server);
  return { name, server, database_url, ...loadsOf(server, database_url, options), restart: start };
}

/** The log stays at its default level, as in production. */
function configOf(port: number): string {
  const client = (client_id: string, ...more: string[]) =>
    [`  - client_id: ${client_id}`, `    redirect_uris: [${REDIRECT_URI}]`, '    trusted: true', ...more.map((line) => `    ${line}`)].join(
      '\n',
    );
  return `
secret_key: a key for the benchmark, which guards nothing at all
listen: { host: 127.0.0.1, port: ${port} }
http: { shutdown_delay: 0s, trusted_proxies: [127.0.0.1] }
tokens: { access_token_lifetime: 1d }
forward_auth: { rules: [{ host: ${PROTECTED_HOST} }] }
clients:
${client(PUBLIC_CLIENT, 'token_endpoint_auth_method: none')}
${client(ES256_CLIENT, 'token_endpoint_auth_method: none', 'id_token_signed_response_alg: ES256')}
${client(CONFIDENTIAL_CLIENT, `client_secret: ${CLIENT_SECRET}`, 'grant_types: [authorization_code, refresh_token, client_credentials]')}
`;
}

/** With the printed link. */
async function createOwner(server: Server): Promise<void> {
  const token = /onboarding\?token=([\w-]+)/.exec(server.output())?.[1] ?? '';
  const answer = await fetch(`${server.url}/api/onboarding/users`, {
    method: 'POST',
    headers: { 'x-setup-token': token },
    body: JSON.stringify({ client_id: URL_CLIENT, name: 'Bench', language: 'en', ...LOGIN }),
  });
  if (!answer.ok) throw new Error(`onboarding: ${answer.status} ${await answer.text()}`);
}

function loadsOf(server: Server, database_url: string, { tokens, codes }: ContenderOptions): Pick<Contender, 'loads' | 'meanwhile'> {
  const made = new Map<Seeds, Promise<Tokens[]>>();
  /** Created once, for all routes that do not consume them. */
  const tokensOf = (seeds: Seeds): Promise<Tokens[]> => {
    const all = made.get(seeds) ?? newTokens(seeds);
    made.set(seeds, all);
    return all;
  };
  const newTokens = async (seeds: Seeds) =>
    redeem(server, '/auth/token', headersOf(seeds), exchangeBodies(seeds, await insertCodes(database_url, tokens, seeds)));
  const rotate = (seeds: Seeds) => async () => rotatingRefresh('/auth/token', seeds, await tokensOf(seeds));
  const exchanges = (seeds: Seeds) => async () => exchange('/auth/token', seeds, await insertCodes(database_url, codes, seeds));
  const clientTokens = once(() => redeem(server, '/auth/token', BASIC, Array<string>(tokens).fill(CLIENT_CREDENTIALS)));
  const refresh = async () => keptRefresh('/auth/token', WAYS.home_assistant, await tokensOf(WAYS.home_assistant));
  const login = () => passwordLogin(server);
  return {
    loads: {
      'refresh, kept token': refresh,
      'refresh, rotating, no ID token': rotate(WAYS.rotating),
      'refresh, rotating, ID token RS256': rotate(WAYS.rs256),
      'refresh, rotating, ID token ES256': rotate(WAYS.es256),
      'exchange, HA dialect': exchanges(WAYS.home_assistant),
      'exchange, public, no ID token': exchanges(WAYS.rotating),
      'exchange, ID token RS256': exchanges(WAYS.rs256),
      'exchange, ID token ES256': exchanges(WAYS.es256),
      'introspection, user tokens': async () => introspect('/auth/introspect', await tokensOf(WAYS.confidential)),
      'introspection, client tokens': async () => introspect('/auth/introspect', await clientTokens()),
      userinfo: async () => bearer('/auth/userinfo', await tokensOf(WAYS.confidential)),
      verify: async () => bearer('/auth/verify', await tokensOf(WAYS.home_assistant), PROXY_HEADERS),
      'client credentials': async () => post('/auth/token', () => ({ body: CLIENT_CREDENTIALS }), BASIC),
      JWKS: async () => ({ path: '/.well-known/jwks.json', status: 200 }),
      discovery: async () => ({ path: '/.well-known/openid-configuration', status: 200 }),
      'way to the login page': () => wayToPage(server, `/auth/authorize?${authorizeQuery(PUBLIC_CLIENT, 'openid')}`),
      'password login': login,
      'refresh during logins': refresh,
    },
    meanwhile: { 'refresh during logins': login },
  };
}

/** Codes as table rows, which every version can read. */
async function insertCodes(database_url: string, count: number, { client_id, scope }: Seeds): Promise<Code[]> {
  const codes = Array.from({ length: count }, () => ({ code: `lk_ac_${randomBytes(32).toString('base64url')}`, verifier: newVerifier() }));
  const client = new pg.Client({ connectionString: database_url });
  await client.connect();
  await client.query(
    `insert into authorization_codes (code_hash, code_challenge, client_id, redirect_uri, purpose, user_id, credential_id, auth_provider_type,
       auth_time, amr, remote_address, created_at, expires_at, profile, scope)
     select hash, challenge, $1, $2, 'authorize', c.user_id, c.id, c.auth_provider_type, now(), '{pwd}', '127.0.0.1', now(),
       now() + interval '10 minutes', $5, $6
     from unnest($3::bytea[], $4::text[]) as made(hash, challenge), (select * from credentials limit 1) c`,
    [
      client_id,
      REDIRECT_URI,
      codes.map(({ code }) => createHash('sha256').update(code).digest()),
      codes.map(({ verifier }) => challengeOf(verifier)),
      scope === undefined ? 'home_assistant' : 'standard',
      scope?.split(' ') ?? [],
    ],
  );
  await client.end();
  return codes;
}

/** The login page's form, submitted repeatedly by one browser. */
async function passwordLogin(server: Server): Promise<Load> {
  const query = form({ response_type: 'code', client_id: URL_CLIENT, redirect_uri: REDIRECT_URI, state: 'x' });
  const page = await visit(server, `/auth/authorize?${query}`);
  const hidden = [...page.text.matchAll(/<input\b[^>]*\btype="hidden"[^>]*>/g)].map(([tag]) => [
    attribute(tag, 'name'),
    attribute(tag, 'value'),
  ]);
  const body = form({ ...Object.fromEntries(hidden), ...LOGIN });
  const headers = { ...FORM, ...(page.cookie !== '' && { cookie: page.cookie }), origin: server.url };
  return { path: page.path, method: 'POST', headers, next: () => ({ body }), status: 303, clients: LOGIN_CLIENTS };
}

function attribute(tag: string, name: string): string {
  return (new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '').replaceAll('&amp;', '&');
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
