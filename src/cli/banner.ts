// What `serve` prints at start: the server's URL, the next step, and warnings.

import type { Config } from '../config/load.ts';
import { isLoopback } from '../domain/network.ts';

export interface BannerOptions {
  config: Pick<Config, 'public_url' | 'listen' | 'data_dir' | 'database_url'>;
  /** The port it listens on. */
  port: number;
  /** Null if there is an owner. */
  setup_token: string | null;
}

/** One line per fact. */
export function banner({ config, port, setup_token }: BannerOptions): string[] {
  const url = config.public_url ?? `http://${ownHost(config.listen.host)}:${port}`;
  return [
    `Latchkey is running at ${url}`,
    ...(setup_token === null
      ? []
      : [`Open this link to create the owner (valid until there is one): ${url}/onboarding?token=${setup_token}`]),
    `Data: ${config.database_url === undefined ? `${config.data_dir} (back up this folder)` : 'the PostgreSQL server of database_url'}`,
    ...(isPlainHttp(url) ? [`Warning: ${url} is plain http, so passwords cross the network readable; put https in front of it`] : []),
  ];
}

/** The host name by which this machine reaches the server. */
function ownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function isPlainHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && !isLoopback(hostname.replace(/^\[|\]$/g, ''));
}
