#!/usr/bin/env node
// The program: what is typed goes to the command of that name; nothing typed means serve. Commands are handed the wiring, and what a command
// does not need is not loaded.
import type { Io, Wiring } from './cli/command.ts';
import { runCli } from './cli/run.ts';

const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stdin: process.stdin,
  env: process.env,
  signals: process,
};

const wiring: Wiring = {
  async loadConfig(file) {
    const [{ loadConfig }, { readRegistry }] = await Promise.all([import('./config/load.ts'), import('./registry.ts')]);
    const { providers, mfa_modules } = await readRegistry();
    return await loadConfig({ file, env: process.env, provider_types: schemas(providers), mfa_module_types: schemas(mfa_modules) });
  },
  async openParts(config) {
    const { createParts } = await import('./app.ts');
    // What goes well is told by the command itself.
    return await createParts({ config, log: await createStderrLog('warn'), join: true });
  },
  async createApp(config) {
    const { createApp } = await import('./app.ts');
    return await createApp({ config, log: await createStderrLog(config.log.level) });
  },
};

function schemas<Schema>(types: ReadonlyMap<string, { config: Schema }>): ReadonlyMap<string, Schema> {
  return new Map(Array.from(types, ([type, { config }]) => [type, config]));
}

async function createStderrLog(level: string) {
  const [{ createLog }, { pino }] = await Promise.all([import('./http/log.ts'), import('pino')]);
  return createLog(level, pino.destination(2));
}

process.exit(await runCli(process.argv.slice(2), { io, wiring }));
