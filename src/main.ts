#!/usr/bin/env node
// The program: runs the named command, by default serve. Code that a command does not need is not
// loaded.
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { setFlagsFromString } from 'node:v8';
import type { CliWiring, Io } from './cli/command.ts';
import { runCli } from './cli/run.ts';

// Loading leaves much garbage; V8 would grow its young generation and keep those 20 MB. It may grow
// normally once the server works.
growYoungGenerationBy(1);

/** For a log with a slow reader. */
const LAST_LINES_MS = 1_000;

let flushLog = async () => {};
let serves = false;
let unprinted: Error | undefined;
// Without listeners, a full disk or closed terminal would end the process.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has seen enough (`| head`).
  if (error.code !== 'EPIPE') unprinted ??= error;
});
process.stderr.on('error', () => {});

const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stdin: process.stdin,
  env: process.env,
  signals: process,
};

const wiring: CliWiring = {
  async loadConfig(file) {
    const [{ loadConfig }, { readRegistry }] = await Promise.all([import('./config/load.ts'), import('./wiring/registry.ts')]);
    const { providers, mfa_modules, grants } = await readRegistry();
    const grant_types = Array.from(grants.values(), ({ grant_type }) => grant_type);
    return await loadConfig({
      file,
      env: process.env,
      provider_types: schemas(providers),
      mfa_module_types: schemas(mfa_modules),
      grant_types,
    });
  },
  async configSchema() {
    const [{ configJsonSchema }, { readRegistry }] = await Promise.all([import('./config/json_schema.ts'), import('./wiring/registry.ts')]);
    const { providers, mfa_modules } = await readRegistry();
    const example = readFileSync(join(import.meta.dirname, '..', 'config.example.yaml'), 'utf8');
    return configJsonSchema({ provider_types: schemas(providers), mfa_module_types: schemas(mfa_modules), example });
  },
  async openContainer(config, { create }) {
    const { createContainer } = await import('./wiring/app.ts');
    // Commands report success themselves.
    return await createContainer({ config, ...(await openLog('warn')), join: true, create });
  },
  async createApp(config) {
    const { createApp } = await import('./wiring/app.ts');
    serves = true;
    const app = await createApp({ config, ...(await openLog(config.log.level)) });
    growYoungGenerationBy(2);
    return app;
  },
};

function growYoungGenerationBy(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}

function schemas<Schema>(types: ReadonlyMap<string, { config: Schema }>): ReadonlyMap<string, Schema> {
  return new Map(Array.from(types, ([type, { config }]) => [type, config]));
}

/** The log on standard error; flushed at the end as far as possible. */
async function openLog(level: string) {
  const [{ createLossyLog }, { createLogDestination }] = await Promise.all([
    import('./http/server/log.ts'),
    import('./http/server/log_destination.ts'),
  ]);
  const destination = createLogDestination(2, process.stderr, isatty(2) ? await prettyLine() : undefined);
  process.once('exit', destination.flushNow);
  flushLog = () => destination.flush(LAST_LINES_MS);
  return { log: createLossyLog(level, destination), lost_log_lines: destination.lost };
}

/** Formats log lines for a person at a terminal; elsewhere they stay JSON. */
async function prettyLine(): Promise<(line: string) => string> {
  const { createPrettyLine } = await import('./http/server/pretty_log.ts');
  return createPrettyLine({ colorize: process.env.NO_COLOR === undefined });
}

/**
 * Node restores its terminals' settings at exit, and aborts if one is gone; closed ones are
 * skipped.
 */
function closeLostTerminals(): void {
  for (const fd of [0, 1, 2]) {
    try {
      if (fstatSync(fd).isCharacterDevice() && !isatty(fd)) closeSync(fd);
    } catch {
      // Already closed.
    }
  }
}

process.once('exit', closeLostTerminals);
const code = await runCli(process.argv.slice(2), { io, wiring });
await flushLog();
// A command's output is its result; a server's start messages may be lost.
if (code === 0 && unprinted && !serves) {
  io.err(`Standard output cannot be written: ${unprinted.message}\n`);
  process.exit(1);
}
process.exit(code);
