// The settings of connections to PostgreSQL, shared by the pool and direct connections.
import pg from 'pg';
import { databaseUnavailable } from './database_errors.ts';

/** Milliseconds for opening a connection, or waiting for a free one. */
export const CONNECT_TIMEOUT_MS = 2_000;

/**
 * The address of PostgreSQL. A `Database` is assignable to it, so functions that need a direct
 * connection accept either.
 */
export interface ConnectionOptions {
  /** A `postgres://` URL, or its parts (`host` may be a socket directory). */
  connection: string | { host: string; port: number; user: string; password: string; database: string };
  tls?: TlsOptions | undefined;
  /** The name in `pg_stat_activity`. */
  application_name?: string | undefined;
}

export interface TlsOptions {
  /** Trusted certificates in PEM; absent: Node's. */
  ca?: string | undefined;
  /** The name in the server's certificate, if it is not the host. */
  server_name?: string | undefined;
  /** False accepts any certificate. Default true. */
  reject_unauthorized?: boolean | undefined;
}

/**
 * For a server given by its parts, mainly the embedded one: overrides PGSSLMODE, PGOPTIONS and the
 * like, which concern other servers. pg treats an empty text as absent.
 */
const PAST_ENVIRONMENT = {
  ssl: false,
  sslnegotiation: 'postgres',
  options: ' ',
  client_encoding: 'UTF8',
  replication: 'false',
} as const satisfies pg.ClientConfig & Record<string, unknown>;

/** The settings common to all connections. */
export function connectionConfig({ connection, tls, application_name = 'latchkey' }: ConnectionOptions): pg.ClientConfig {
  const address =
    typeof connection === 'string'
      ? { connectionString: tls ? withoutTls(connection) : connection }
      : { ...PAST_ENVIRONMENT, ...connection };
  return {
    ...address,
    ...(tls && { ssl: tlsConfig(tls) }),
    application_name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: { getTypeParser },
  };
}

/**
 * A direct connection without time limits, bypassing any transaction pooler; close it with
 * `client.end()`.
 */
export async function openConnection(options: ConnectionOptions): Promise<pg.Client> {
  const client = new pg.Client(connectionConfig(options));
  // A connection lost between statements emits an error; the next statement fails anyway.
  client.on('error', () => {});
  try {
    await client.connect();
    // The role may have limits that are meant for the pool.
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
  } catch (error) {
    throw databaseUnavailable(error);
  }
  return client;
}

/** The URL with its password replaced. */
export function withPassword(connection: string, password: string): string {
  return connection.replace(
    /^(\w+:\/\/)(?:([^/?#:@]*)[^/?#]*@)?/,
    (_, scheme, user = '') => `${scheme}${user}:${encodeURIComponent(password)}@`,
  );
}

function tlsConfig({ ca, server_name, reject_unauthorized = true }: TlsOptions) {
  return { rejectUnauthorized: reject_unauthorized, ...(ca && { ca }), ...(server_name && { servername: server_name }) };
}

/** pg would prefer `sslmode=` in a URL to the settings. */
function withoutTls(connection: string): string {
  const url = new URL(connection);
  for (const name of [...url.searchParams.keys()]) {
    if (name.startsWith('ssl')) url.searchParams.delete(name);
  }
  return url.href;
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? safeInteger : pg.types.getTypeParser(oid, format as 'text');

/** Converts bigint, as count(*) returns it, to a number; digits if it is not safe. */
function safeInteger(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
