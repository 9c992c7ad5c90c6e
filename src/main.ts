#!/usr/bin/env node
// The program: what is typed goes to the command of that name; nothing typed means serve. Commands are handed the wiring, and what a command
// does not need is not loaded.
import { setFlagsFromString } from 'node:v8';
import type { Io, Wiring } from './cli/command.ts';
import { runCli } from './cli/run.ts';

// Loading a program leaves much behind at once; V8 would grow its young generation for that and, while idle, keep those 20 MB for ever.
// It may grow as usual once the server's own work begins.
growYoungGenerationBy(1);

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
  async openParts(config, { create }) {
    const { createParts } = await import('./app.ts');
    // What goes well is told by the command itself.
    return await createParts({ config, log: await createStderrLog('warn'), join: true, create });
  },
  async createApp(config) {
    const { createApp } = await import('./app.ts');
    const app = await createApp({ config, log: await createStderrLog(config.log.level) });
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

async function createStderrLog(level: string) {
  const [{ createLog }, { pino }] = await Promise.all([import('./http/log.ts'), import('pino')]);
  return createLog(level, pino.destination(2));
}

process.exit(await runCli(process.argv.slice(2), { io, wiring }));
