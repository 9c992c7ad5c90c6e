// latchkey serve: runs the server. Messages for people go to standard output, the log to standard
// error.
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../../config/load.ts';
import { banner } from '../banner.ts';
import { type CliCommand, type CliContext, type ConfigOption, loadCommandConfig, withConfig } from '../command.ts';
import type { RunningApp } from '../container.ts';
import { commandError } from '../exit.ts';
import { listenForStop, type StopRequests } from '../stop.ts';

/** For everything after the load balancers' delay; a slower server hangs. */
const CLOSE_TIMEOUT_MS = 15_000;

export const command: CliCommand = {
  declare(program, context) {
    withConfig(program.command('serve'))
      .description('start the server')
      .action((options: ConfigOption) => serve(context, options));
  },
};

async function serve(context: CliContext, options: ConfigOption): Promise<void> {
  const config = await loadCommandConfig(context, options);
  const stop = listenForStop(context.io.signals);
  const impatient = stop.again.then(() => {
    throw commandError('Stopped without waiting, as asked twice');
  });
  try {
    await Promise.race([serveUntilAsked(context, config, stop), impatient]);
  } finally {
    stop.release();
  }
}

async function serveUntilAsked({ io, wiring }: CliContext, config: Config, stop: StopRequests): Promise<void> {
  const app = await wiring.createApp(config);
  try {
    const port = portOf(await app.listen());
    const { onboarding, database_gone } = app.container;
    const setup_token = (await onboarding.isDone()) ? null : onboarding.setupToken();
    for (const line of banner({ config, port, setup_token })) io.out(`${line}\n`);
    const signal = await Promise.race([stop.first, database_gone]);
    if (signal === undefined) throw commandError('The embedded database ended by itself; its last words are in the log');
    app.drain();
    // Ctrl-C needs no delay for load balancers.
    if (signal === 'SIGTERM') {
      await pause(config.http.shutdown_delay * 1000);
      await app.shed();
    }
  } finally {
    await closeInTime(app);
  }
}

function portOf(address: string): number {
  return Number(new URL(address).port || 80);
}

async function closeInTime(app: RunningApp): Promise<void> {
  const timeout = new AbortController();
  const late = pause(CLOSE_TIMEOUT_MS, undefined, { signal: timeout.signal }).then(() => {
    throw commandError(`Not stopped after ${CLOSE_TIMEOUT_MS / 1000} seconds`);
  });
  try {
    await Promise.race([app.close(), late]);
  } finally {
    late.catch(() => {});
    timeout.abort();
  }
}
