// latchkey healthcheck: whether the server of this configuration answers on this machine, for
// containers and service managers.
import { get } from 'node:http';
import { type CliCommand, type ConfigOption, loadCommandConfig, withConfig } from '../command.ts';
import { commandError } from '../exit.ts';

/** Below the usual container timeout of 3 seconds. */
const TIMEOUT_MS = 2_000;

export const command: CliCommand = {
  declare(program, context) {
    withConfig(program.command('healthcheck'))
      .description('whether the server answers on this machine')
      .action(async (options: ConfigOption) => {
        const { listen } = await loadCommandConfig(context, options);
        const url = `http://${reachable(listen.host)}:${listen.port}/healthz`;
        const status = await statusOf(url).catch((error) => {
          throw commandError(`${url} does not answer: ${error.message}`);
        });
        if (status !== 200) throw commandError(`${url} answers ${status}`);
        context.io.out('healthy\n');
      });
  },
};

/** The loopback address, if the server listens on all. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}
