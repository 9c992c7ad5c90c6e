// A whole server on a fresh database: every part, every route, a clock that stands still. A test says only what differs from the default.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { type Config, loadConfig } from '../../src/config/load.ts';
import type { AuthProviderType } from '../../src/domain/auth_provider.ts';
import type { Clock } from '../../src/domain/clock.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import { createLog } from '../../src/http/server/log.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createApp } from '../../src/wiring/app.ts';
import { readRegistry } from '../../src/wiring/registry.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { createTestDatabase } from './database.ts';
import { provider as insecureExample } from './insecure_example.ts';

export const CLIENT_ID = 'https://app.example.com/';
export const REDIRECT_URI = 'https://app.example.com/callback?auth_callback=1';
export const OWNER = { name: 'Ada', username: 'ada', password: 'a good long password' };
/** Where requests come from unless said otherwise: no loopback, so that what is counted is counted. */
export const REMOTE_ADDRESS = '203.0.113.7';

export interface ServerOptions {
  /** The YAML, as an object. */
  config?: Record<string, unknown>;
  extra_provider_types?: readonly AuthProviderType[];
  /** Another clock than one that stands still. */
  clock?: Clock;
  /** A database that several servers share; whoever made it closes it. */
  database?: Database;
}

/** A request from `remote_address`; a plain object as `json` or `form` becomes its body. */
export interface TestRequest {
  method?: InjectOptions['method'];
  url: string;
  remote_address?: string;
  headers?: Record<string, string | string[]>;
  /** Sent as bearer. */
  token?: string;
  json?: unknown;
  form?: Record<string, string>;
  payload?: string | Buffer;
}

export type TestServer = Awaited<ReturnType<typeof startServer>>;

export async function startServer({ config, clock, extra_provider_types = [insecureExample], ...options }: ServerOptions = {}) {
  const test_clock: TestClock = createTestClock();
  const own = options.database ? undefined : await createTestDatabase();
  const lines: string[] = [];
  const app = await createApp({
    config: await testConfig(config, extra_provider_types),
    log: createLog('info', { write: (line) => void lines.push(line) }),
    database: options.database ?? own!.database,
    clock: clock ?? test_clock.clock,
    extra_provider_types,
  });
  const { server, container } = app;
  let url: Promise<string> | undefined;

  async function inject(request: TestRequest): Promise<LightMyRequestResponse> {
    return await server.inject(injectOptions(request));
  }

  /** Creates the owner with the setup token; answers the code. */
  async function createOwner(owner: Partial<typeof OWNER & { client_id: string }> = {}): Promise<string> {
    const json = { ...OWNER, client_id: CLIENT_ID, language: 'en', ...owner };
    const answer = await inject({
      method: 'POST',
      url: '/api/onboarding/users',
      headers: { 'x-setup-token': container.onboarding.setupToken() },
      json,
    });
    if (answer.statusCode !== 200) throw new Error(`no owner: ${answer.body}`);
    return answer.json().auth_code;
  }

  /** Logs in by JSON; answers the code. */
  async function login({ username, password }: { username: string; password: string } = OWNER, how: LoginHow = {}): Promise<string> {
    const { client_id = CLIENT_ID, redirect_uri = REDIRECT_URI, handler = ['homeassistant', null], ...from } = how;
    const started = await inject({ method: 'POST', url: '/auth/login_flow', json: { client_id, redirect_uri, handler }, ...from });
    const { flow_id } = started.json();
    const json = { client_id, username, password };
    const answer = await inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json, ...from });
    if (answer.json().type !== 'create_entry') throw new Error(`no login: ${answer.body}`);
    return answer.json().result;
  }

  /** Trades a code for tokens. */
  async function redeem(code: string, client_id = CLIENT_ID): Promise<TokenSet & { refresh_token: string }> {
    const form = { grant_type: 'authorization_code', client_id, code };
    const answer = await inject({ method: 'POST', url: '/auth/token', form });
    if (answer.statusCode !== 200) throw new Error(`no tokens: ${answer.body}`);
    return answer.json();
  }

  return {
    app,
    server,
    container,
    lines,
    ...test_clock,
    inject,
    createOwner,
    login,
    redeem,
    /** Tokens of a new owner. */
    ownerTokens: async () => redeem(await createOwner()),
    /** Where the server listens, on a port of its own. */
    async origin(): Promise<string> {
      url ??= server.listen({ host: '127.0.0.1', port: 0 });
      return await url;
    },
    /** Real HTTP. */
    async request(path: string, init?: RequestInit): Promise<Response> {
      return await fetch(`${await this.origin()}${path}`, { redirect: 'manual', ...init });
    },
    async close(): Promise<void> {
      await app.close();
      await own?.close();
    },
  };
}

interface LoginHow {
  client_id?: string;
  redirect_uri?: string;
  handler?: [string, string | null];
  remote_address?: string;
  headers?: Record<string, string>;
}

function injectOptions({
  method = 'GET',
  url,
  remote_address = REMOTE_ADDRESS,
  headers = {},
  token,
  json,
  form,
  payload,
}: TestRequest): InjectOptions {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const urlencoded = form && { 'content-type': 'application/x-www-form-urlencoded' };
  const text = json === undefined ? ((form && new URLSearchParams(form).toString()) ?? payload) : JSON.stringify(json);
  const body = text === undefined ? {} : { payload: text };
  const all = { ...urlencoded, ...authorization, ...headers } as Record<string, string>;
  return { method, url, remoteAddress: remote_address, headers: all, ...body };
}

/** The configuration through its own loader, so that a test can have none that an operator could not. */
export async function testConfig(
  differences: Record<string, unknown> = {},
  extra: readonly AuthProviderType[] = [insecureExample],
): Promise<Config> {
  const { providers, mfa_modules } = await readRegistry(extra);
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-config-'));
  const file = join(folder, 'config.yaml');
  const defaults = { public_url: 'https://auth.example.com', secret_key: 'only for tests, and long enough for it', auth_mfa_modules: [] };
  await writeFile(file, JSON.stringify({ ...defaults, ...differences }));
  try {
    return await loadConfig({ file, env: {}, provider_types: schemasOf(providers), mfa_module_types: schemasOf(mfa_modules) });
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function schemasOf<Schema>(types: ReadonlyMap<string, { config: Schema }>): Map<string, Schema> {
  return new Map(Array.from(types, ([name, { config }]) => [name, config]));
}
