// Where PostgreSQL is and how a connection to it behaves. The pool of database.ts and the direct connections of migrate.ts share it.
import pg from 'pg';
import { databaseUnavailable } from './database_errors.ts';

/** How long opening a connection, or waiting for a free one, may take. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** Where PostgreSQL is. A `Database` is one of these too, so whatever needs a connection of its own takes either. */
export interface ConnectionOptions {
  /** A `postgres://` URL, or its parts (`host` may be the folder of a socket). */
  connection: string | { host: string; port: number; user: string; password: string; database: string };
  tls?: TlsOptions | undefined;
  /** What PostgreSQL's `pg_stat_activity` calls us. */
  application_name?: string | undefined;
}

export interface TlsOptions {
  /** The trusted certificates, PEM; absent: those of Node. */
  ca?: string | undefined;
  /** The name that the server's certificate must bear, when it is not the host. */
  server_name?: string | undefined;
  /** False accepts any certificate. Default true. */
  reject_unauthorized?: boolean | undefined;
}

/**
 * For a server that is given by its parts, the embedded one above all: pg would take these from PGSSLMODE,
 * PGOPTIONS and the like, which are about other servers. It takes an empty text as not given.
 */
const PAST_ENVIRONMENT = {
  ssl: false,
  sslnegotiation: 'postgres',
  options: ' ',
  client_encoding: 'UTF8',
  replication: 'false',
} as const satisfies pg.ClientConfig & Record<string, unknown>;

/** The settings every connection has in common. */
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

/** A connection of one's own, without time limits, past any pooler in transaction mode; ends with `client.end()`. */
export async function openConnection(options: ConnectionOptions): Promise<pg.Client> {
  const client = new pg.Client(connectionConfig(options));
  // A connection that dies between two statements says so here; the next statement fails anyway.
  client.on('error', () => {});
  try {
    await client.connect();
    // The role may carry limits that are meant for the pool.
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
  } catch (error) {
    throw databaseUnavailable(error);
  }
  return client;
}

/** The URL with this password in place of its own. */
export function withPassword(connection: string, password: string): string {
  return connection.replace(
    /^(\w+:\/\/)(?:([^/?#:@]*)[^/?#]*@)?/,
    (_, scheme, user = '') => `${scheme}${user}:${encodeURIComponent(password)}@`,
  );
}

function tlsConfig({ ca, server_name, reject_unauthorized = true }: TlsOptions) {
  return { rejectUnauthorized: reject_unauthorized, ...(ca && { ca }), ...(server_name && { servername: server_name }) };
}

/** pg lets `sslmode=` in a URL win over the settings beside it. */
function withoutTls(connection: string): string {
  const url = new URL(connection);
  for (const name of [...url.searchParams.keys()]) {
    if (name.startsWith('ssl')) url.searchParams.delete(name);
  }
  return url.href;
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? safeInteger : pg.types.getTypeParser(oid, format as 'text');

/** count(*) and friends: a number, or the digits where a number would lie. */
function safeInteger(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
