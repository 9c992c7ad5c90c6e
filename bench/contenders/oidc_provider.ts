// npm's oidc-provider with a PostgreSQL adapter (oidc_provider_server.mjs), with the same requests
// as Latchkey.

import { join } from 'node:path';
import type { Contender, ContenderOptions } from '../contender.ts';
import { type Server, startServer } from '../processes.ts';
import {
  authorizeQuery,
  BASIC,
  bearer,
  CLIENT_CREDENTIALS,
  CLIENT_SECRET,
  CONFIDENTIAL_CLIENT,
  type Code,
  ES256_CLIENT,
  exchange,
  exchangeBodies,
  headersOf,
  introspect,
  keptRefresh,
  PUBLIC_CLIENT,
  post,
  REDIRECT_URI,
  redeem,
  rotatingRefresh,
  type Seeds,
  type Tokens,
  wayToPage,
} from '../tokens.ts';

/**
 * The scope `api` alone gives a fixed refresh token and no ID token; `offline_access` makes it
 * rotate.
 */
const WAYS = {
  kept: { client_id: PUBLIC_CLIENT, scope: 'api' },
  rotating: { client_id: PUBLIC_CLIENT, scope: 'api offline_access' },
  rs256: { client_id: PUBLIC_CLIENT, scope: 'openid offline_access' },
  es256: { client_id: ES256_CLIENT, scope: 'openid offline_access' },
  confidential: { client_id: CONFIDENTIAL_CLIENT, scope: 'openid' },
} satisfies Record<string, Seeds>;

export async function startOidcProvider(name: string, options: ContenderOptions): Promise<Contender> {
  const database_url = await options.database.create(`bench_${name.replace(/\W/g, '_')}`);
  const start = () =>
    startServer({
      name,
      argv: [join(import.meta.dirname, 'oidc_provider_server.mjs')],
      port: options.port,
      probe: '/.well-known/openid-configuration',
      env: {
        NODE_ENV: 'production',
        BENCH_DATABASE_URL: database_url,
        BENCH_PORT: String(options.port),
        BENCH_CLIENTS: JSON.stringify(clients()),
      },
      log_file: join(options.folder, `${name}.log`),
    });
  const server = await start();
  return { name, server, loads: loadsOf(server, options), restart: start };
}

function clients() {
  const common = { redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'] };
  return [
    { ...common, client_id: PUBLIC_CLIENT, token_endpoint_auth_method: 'none' },
    { ...common, client_id: ES256_CLIENT, token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' },
    {
      ...common,
      client_id: CONFIDENTIAL_CLIENT,
      client_secret: CLIENT_SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: [...common.grant_types, 'client_credentials'],
    },
  ];
}

function loadsOf(server: Server, { tokens, codes }: ContenderOptions): Contender['loads'] {
  const made = new Map<Seeds | 'client', Promise<Tokens[]>>();
  const keep = (key: Seeds | 'client', make: () => Promise<Tokens[]>): Promise<Tokens[]> => {
    const all = made.get(key) ?? make();
    made.set(key, all);
    return all;
  };
  const tokensOf = (seeds: Seeds) =>
    keep(seeds, async () => redeem(server, '/token', headersOf(seeds), exchangeBodies(seeds, await makeCodes(server, tokens, seeds))));
  const clientTokens = () => keep('client', () => redeem(server, '/token', BASIC, Array<string>(tokens).fill(CLIENT_CREDENTIALS)));
  const rotate = (seeds: Seeds) => async () => rotatingRefresh('/token', seeds, await tokensOf(seeds));
  const exchanges = (seeds: Seeds) => async () => exchange('/token', seeds, await makeCodes(server, codes, seeds));
  return {
    'refresh, kept token': async () => keptRefresh('/token', WAYS.kept, await tokensOf(WAYS.kept)),
    'refresh, rotating, no ID token': rotate(WAYS.rotating),
    'refresh, rotating, ID token RS256': rotate(WAYS.rs256),
    'refresh, rotating, ID token ES256': rotate(WAYS.es256),
    // Home Assistant's dialect has no ID token and a fixed refresh token.
    'exchange, HA dialect': exchanges(WAYS.kept),
    'exchange, public, no ID token': exchanges(WAYS.rotating),
    'exchange, ID token RS256': exchanges(WAYS.rs256),
    'exchange, ID token ES256': exchanges(WAYS.es256),
    'introspection, user tokens': async () => introspect('/token/introspection', await tokensOf(WAYS.confidential)),
    'introspection, client tokens': async () => introspect('/token/introspection', await clientTokens()),
    userinfo: async () => bearer('/me', await tokensOf(WAYS.confidential)),
    'client credentials': async () => post('/token', () => ({ body: CLIENT_CREDENTIALS }), BASIC),
    JWKS: async () => ({ path: '/jwks', status: 200 }),
    discovery: async () => ({ path: '/.well-known/openid-configuration', status: 200 }),
    'way to the login page': () => wayToPage(server, `/auth?${authorizeQuery(PUBLIC_CLIENT, 'openid')}`),
  };
}

async function makeCodes(server: Server, count: number, { client_id, scope = '' }: Seeds): Promise<Code[]> {
  const query = new URLSearchParams({ codes: String(count), client_id, scope });
  const answer = await fetch(`${server.url}/seed?${query}`, { method: 'POST' });
  return (await answer.json()) as Code[];
}
