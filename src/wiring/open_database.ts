// Opens the database: the server of `database_url`, or the embedded one in `data_dir`.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/load.ts';
import { type TlsOptions, withPassword } from '../postgres/connection.ts';
import { createDatabase, type Database } from '../postgres/database.ts';
import { startEmbeddedPostgres } from '../postgres/embedded/embedded_postgres.ts';
import { findLocation } from '../postgres/embedded/location.ts';
import type { PoolOptions } from '../postgres/pool.ts';
import { secretKeyPath } from '../secrets/secret_key_file.ts';

export interface OpenDatabase {
  database: Database;
  /** Resolves if the embedded server ends unexpectedly. */
  gone: Promise<void>;
  /** Closes every connection, then stops the server if it was started here. */
  close(): Promise<void>;
}

export interface OpenDatabaseOptions {
  log: { info(message: string): void; warn(message: string): void };
  /** Whether to join a running embedded server. */
  join: boolean;
  /** Whether to create an embedded server if there is none. */
  create: boolean;
  /** Called when an idle connection is lost. */
  on_error: (error: unknown) => void;
}

export async function openDatabase(config: Config, { log, join: joins, create, on_error }: OpenDatabaseOptions): Promise<OpenDatabase> {
  const { pool_size, prepared_statements, direct_url, password } = config.database;
  const open = (connection: PoolOptions['connection'], direct_connection?: string, tls?: PoolOptions['tls']) =>
    createDatabase({ connection, direct_connection, tls, pool_size, prepared_statements, on_error });
  if (config.database_url !== undefined) {
    const address = (url: string) => (password === undefined ? url : withPassword(url, password));
    const connection = address(config.database_url);
    const direct_connection = direct_url && address(direct_url);
    const database = open(connection, direct_connection, await tlsOptions(config.database.tls));
    return { database, gone: new Promise(() => {}), close: database.close };
  }
  const { data_dir } = config;
  if (!create) await requireCluster(data_dir);
  const server = await startEmbeddedPostgres({ data_dir, log: (message) => log.info(message), join: joins });
  if (server.created !== undefined && existsSync(secretKeyPath(data_dir))) log.warn(databaseLost(data_dir, server.created));
  const database = open(server.connection);
  const close = async () => {
    await database.close();
    await server.stop();
  };
  return { database, gone: server.exited, close };
}

/** A key without its database: an empty one would look like a fresh installation. */
function databaseLost(data_dir: string, folder: string): string {
  return (
    `${secretKeyPath(data_dir)} exists but ${folder} has no database, so this server starts EMPTY and its setup link creates a new owner. ` +
    'If there should be data, stop it now and restore that folder from a backup'
  );
}

/** Changes nothing on disk. */
async function requireCluster(data_dir: string): Promise<void> {
  const { folder } = await findLocation(data_dir);
  if (existsSync(join(folder, 'cluster'))) return;
  throw new Error(
    `There is no database in ${data_dir}: no server was started with this configuration. ` +
      'Run the command in the folder of the server, or name its configuration with --config',
  );
}

async function tlsOptions({ mode, ca_file }: Config['database']['tls']): Promise<TlsOptions | undefined> {
  if (mode === 'disable') return undefined;
  if (mode === 'require') return { reject_unauthorized: false };
  return { ca: ca_file === undefined ? undefined : await readFile(ca_file, 'utf8') };
}
