// The command line on a database of its own, without a process: what it prints is captured, what it
// is given is handed in.
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import type { CliWiring, Io } from '../../src/cli/command.ts';
import { runCli } from '../../src/cli/run.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createApp, createContainer } from '../../src/wiring/app.ts';
import { readRegistry } from '../../src/wiring/registry.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import type { AdminConnection } from '../support/fixtures/global_setup.ts';

export const SECRET_KEY = 'a secret key for tests, long enough';

export interface Surroundings {
  stdin?: string | ((said: { out: string }) => AsyncIterable<string>);
  isTTY?: boolean;
  env?: Record<string, string>;
  signals?: EventEmitter;
  /** Called with each text of the output. */
  onOut?: (text: string) => void;
}

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

export async function createCli() {
  const db = await createTestDatabase();
  const base_env = { LATCHKEY_DATABASE_URL: urlOf(db.connection), LATCHKEY_SECRET_KEY: SECRET_KEY };

  async function run(
    words: string[],
    { stdin = '', isTTY = false, env = {}, signals = new EventEmitter(), onOut }: Surroundings = {},
  ): Promise<Outcome> {
    const said = { out: '', err: '' };
    const io: Io = {
      out(text) {
        said.out += text;
        onOut?.(text);
      },
      err(text) {
        said.err += text;
      },
      stdin: Object.assign(Readable.from(typeof stdin === 'string' ? [stdin] : stdin(said)), { isTTY }),
      env: { ...base_env, ...env },
      signals,
    };
    const code = await runCli(words, { io, wiring: wiringOf(io.env) });
    return { code, ...said };
  }

  return {
    ...db,
    run,
    /** The answer of a list, as a program reads it. */
    async list(...words: string[]): Promise<Record<string, unknown>[]> {
      const { out } = await run([...words, '--json']);
      return JSON.parse(out);
    },
    /** The services behind the commands, on the same database. */
    openServices: async () =>
      await createContainer({ config: await wiringOf(base_env).loadConfig(undefined), log: pino({ level: 'silent' }) }),
  };
}

export type Cli = Awaited<ReturnType<typeof createCli>>;

function wiringOf(env: Io['env']): CliWiring {
  const log = pino({ level: 'silent' });
  return {
    configSchema: async () => ({}),
    async loadConfig(file) {
      const { providers, mfa_modules } = await readRegistry();
      const schemas = <Schema>(types: ReadonlyMap<string, { config: Schema }>) =>
        new Map([...types].map(([type, { config }]) => [type, config]));
      return await loadConfig({ file, env, provider_types: schemas(providers), mfa_module_types: schemas(mfa_modules) });
    },
    openContainer: (config, { create }) => createContainer({ config, log, join: true, create }),
    createApp: (config) => createApp({ config, log }),
  };
}

/** As `database_url` takes it; a socket's folder goes into the query. */
export function urlOf({ host, port, user, password, database }: AdminConnection): string {
  return `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}
