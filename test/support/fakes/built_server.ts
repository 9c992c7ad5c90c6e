// The built server (dist/main.js) as a process of its own, on a port that was free: to be asked
// over real HTTP, killed, stopped and started again. Against a database of the tests, or else the
// embedded one in `data_dir`.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import type { TokenSet } from '../../../src/domain/token.ts';
import type { AdminConnection } from '../fixtures/global_setup.ts';

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
/** A busy machine takes a while. */
const START_TIMEOUT_MS = 60_000;

export const CLIENT_ID = 'https://app.example.com';
export const REDIRECT_URI = `${CLIENT_ID}/callback`;
export const OWNER = { name: 'Ada', username: 'ada', password: 'a good long password' };

/** The same on every replica, whose ports differ. */
const ENVIRONMENT = {
  LATCHKEY_PUBLIC_URL: 'https://auth.example.com',
  LATCHKEY_LISTEN_HOST: '127.0.0.1',
  LATCHKEY_LISTEN_PORT: '0',
  LATCHKEY_LOG_REQUESTS: 'false',
  LATCHKEY_HTTP_SHUTDOWN_DELAY: '0s',
};

export interface BuiltServerOptions {
  /** Absent: the embedded database in `data_dir`. */
  database?: AdminConnection;
  data_dir?: string;
  /** The Node that runs it. */
  node?: string;
  env?: Record<string, string>;
  /**
   * What runs it, such as a shell that sets limits or redirects: gets the program and its arguments
   * after its own.
   */
  through?: readonly string[];
  /**
   * The descriptor that takes its log. Absent: a pipe that is read. What it says of its address is
   * not read then, so it needs a `port`.
   */
  log_to?: number;
  port?: number;
}

interface RequestOptions {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string | Readable;
  /** On a connection of its own. */
  reset?: boolean;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

export interface BuiltServer {
  url: string;
  pid: number;
  /** Both streams so far. */
  output(): string;
  /** Milliseconds from its start to the end of its banner. */
  cold_start: number;
  /** Rejects when there is no whole answer. */
  request(path: string, options?: RequestOptions): Promise<Answer>;
  /** Posts an object as JSON. */
  post(path: string, json: object, headers?: Record<string, string>): Promise<Answer>;
  postForm(path: string, form: Record<string, string>): Promise<Answer>;
  /** Kills it, without a word; resolves when it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop; the exit code, or null when a signal ended it. */
  stop(): Promise<number | null>;
}

/** Resolves when the server has said what there is to say, so after it began to listen. */
export async function startBuiltServer(options: BuiltServerOptions): Promise<BuiltServer> {
  const started = performance.now();
  const [program, ...words] = [...(options.through ?? []), options.node ?? process.execPath, MAIN, 'serve'];
  const child = spawn(program!, words, { env: environment(options), stdio: ['ignore', 'pipe', options.log_to ?? 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const output = collect(child);
  const url = await addressOf(child, output, options.port);
  const connections = new Pool(url);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const code = await ended;
    await connections.destroy();
    return code;
  };
  return {
    url,
    pid: child.pid!,
    output,
    cold_start: performance.now() - started,
    ...clientOf(connections),
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

function clientOf(connections: Pool): Pick<BuiltServer, 'request' | 'post' | 'postForm'> {
  async function request(path: string, { method = 'GET', headers = {}, body, reset = false }: RequestOptions = {}) {
    const { statusCode, headers: answered, body: stream } = await connections.request({ path, method, headers, body: body ?? null, reset });
    return { status: statusCode, headers: answered, text: await stream.text() };
  }
  return {
    request,
    post: (path, json, headers = {}) => request(path, { method: 'POST', headers, body: JSON.stringify(json) }),
    postForm: (path, form) =>
      request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
      }),
  };
}

function environment({ database, data_dir, port, env }: BuiltServerOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LATCHKEY_'));
  return {
    ...Object.fromEntries(inherited),
    ...ENVIRONMENT,
    ...(port !== undefined && { LATCHKEY_LISTEN_PORT: String(port) }),
    ...(data_dir && { LATCHKEY_DATA_DIR: data_dir }),
    ...(database && { LATCHKEY_DATABASE_URL: urlOf(database), LATCHKEY_SECRET_KEY: 'only for tests, and long enough for it' }),
    ...env,
  };
}

/** `host` may be a socket's folder. */
function urlOf({ host, port, user, password, database }: AdminConnection): string {
  const [name, secret, where] = [user, password, host].map(encodeURIComponent);
  return `postgres://${name}${password && `:${secret}`}@localhost:${port}/${database}?host=${where}`;
}

function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of streamsOf(child)) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return () => output;
}

function streamsOf({ stdout, stderr }: ChildProcess): Readable[] {
  return [stdout, stderr].filter((stream) => stream !== null);
}

function addressOf(child: ChildProcess, output: () => string, port?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(deadline);
      child.kill('SIGKILL');
      reject(new Error(`the built server ${why}\n${output()}`));
    };
    const deadline = setTimeout(() => fail('said nothing in time'), START_TIMEOUT_MS);
    child.once('error', (error) => fail(`did not start: ${error.message}`));
    child.once('close', (code) => fail(`ended with ${code}`));
    for (const stream of streamsOf(child)) {
      stream.on('data', () => {
        const [, said] = /Server listening at (http:[^"]+)/.exec(output()) ?? [];
        const url = port === undefined ? said : `http://127.0.0.1:${port}`;
        // The last line of the banner that there always is.
        if (url === undefined || !/^Data: .*\n/m.test(output())) return;
        clearTimeout(deadline);
        resolve(url);
      });
    }
  });
}

/** Makes the owner by the link that the server printed; answers the code. */
export async function createOwner(server: BuiltServer): Promise<string> {
  const [, token = ''] = /onboarding\?token=([\w-]+)/.exec(server.output()) ?? [];
  const owner = { client_id: CLIENT_ID, language: 'en', ...OWNER };
  const { status, text } = await server.post('/api/onboarding/users', owner, { 'x-setup-token': token });
  if (status !== 200) throw new Error(`no owner: ${status} ${text}`);
  return JSON.parse(text).auth_code;
}

export function redeem(server: BuiltServer, code: string): Promise<Answer> {
  return server.postForm('/auth/token', { grant_type: 'authorization_code', client_id: CLIENT_ID, code });
}

export function refresh(server: BuiltServer, refresh_token: string): Promise<Answer> {
  return server.postForm('/auth/token', { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token });
}

/** What must be a token answer. */
export function tokensOf({ status, text }: Answer): TokenSet & { refresh_token: string } {
  if (status !== 200) throw new Error(`no tokens: ${status} ${text}`);
  return JSON.parse(text);
}

/** The status of a call that needs a living access token. */
export async function apiStatus(server: BuiltServer, access_token: string): Promise<number> {
  return (await server.request('/api/', { headers: { authorization: `Bearer ${access_token}` } })).status;
}
