// Finds the database: the server that `database_url` names, else our own in `data_dir`. Part of the wiring; parts.ts calls it.

import { readFile } from 'node:fs/promises';
import type { Config } from './config/load.ts';
import { type TlsOptions, withPassword } from './repository/connection.ts';
import { createDatabase, type Database } from './repository/database.ts';
import { startEmbeddedPostgres } from './repository/embedded_postgres.ts';

export interface OpenDatabase {
  database: Database;
  /** Resolves if the embedded server ends without being asked to. */
  gone: Promise<void>;
  /** Ends every connection, then the server, if it was started here. */
  close(): Promise<void>;
}

export interface OpenDatabaseOptions {
  log: { info(message: string): void };
  /** Whether to join an embedded server that already runs. */
  join: boolean;
  /** Told of connections that died while nobody used them. */
  on_error: (error: unknown) => void;
}

export async function openDatabase(config: Config, { log, join, on_error }: OpenDatabaseOptions): Promise<OpenDatabase> {
  const { pool_size, prepared_statements, tls } = config.database;
  const settings = { pool_size, prepared_statements, on_error };
  if (config.database_url !== undefined) {
    const connection = addressOf(config.database_url, config);
    const database = createDatabase({ connection, tls: await tlsOptions(tls), ...settings });
    return { database, gone: new Promise(() => {}), close: database.close };
  }
  const server = await startEmbeddedPostgres({ data_dir: config.data_dir, log: (message) => log.info(message), join });
  const database = createDatabase({ connection: server.connection, ...settings });
  const close = async () => {
    await database.close();
    await server.stop();
  };
  return { database, gone: server.exited, close };
}

function addressOf(url: string, { database: { password } }: Config): string {
  return password === undefined ? url : withPassword(url, password);
}

async function tlsOptions({ mode, ca_file }: Config['database']['tls']): Promise<TlsOptions | undefined> {
  if (mode === 'disable') return undefined;
  if (mode === 'require') return { reject_unauthorized: false };
  return { ca: ca_file === undefined ? undefined : await readFile(ca_file, 'utf8') };
}
