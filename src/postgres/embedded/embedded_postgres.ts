// The embedded PostgreSQL, used without database_url: a real server on a Unix socket, found or
// started in data_dir. It ends with this process, however that ends.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type ClusterLocation, createLocation, findLocation, makeSocketParent } from './location.ts';
import { findPrograms, removeOldCopies } from './programs.ts';
import { superviseServer } from './supervisor.ts';

/** Part of the socket's file name only: nothing listens on TCP. */
const PORT = 5432;

/** Connection parts for `pg`; `host` is the socket's directory. */
export interface EmbeddedConnection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

export interface EmbeddedPostgres {
  /** The role that owns the database `latchkey` only. */
  connection: EmbeddedConnection;
  /** The superuser, in the database `postgres`: for tests and maintenance only. */
  superuser: EmbeddedConnection;
  /** True if this call started the server, false if it joined a running one. */
  started: boolean;
  /** The cluster's directory, if this call created an empty cluster. */
  created: string | undefined;
  /** Stops a server that this call started; no effect on a joined one. Idempotent. */
  stop(): Promise<void>;
  /** Resolves if the server ends unexpectedly; never for a joined one. */
  exited: Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** The data directory; the cluster is in `${data_dir}/postgres`. */
  data_dir: string;
  log: (message: string) => void;
  /** Joins a running server instead of refusing (for the CLI). */
  join?: boolean;
  /** Additional settings of postgresql.conf. */
  settings?: Record<string, string>;
}

/**
 * Starts or joins the server of `data_dir`, creating its cluster if there is none. Error messages
 * are meant for the operator.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { data_dir, log, settings = {} } = options;
  if (options.join === true) {
    const running = await joinEmbeddedPostgres(data_dir);
    if (running !== undefined) return running;
  }
  const place = await findLocation(data_dir);
  if (place.moved) log(`the database of ${data_dir} lives in ${place.folder}, where account ${place.account?.name} can reach it`);
  await createLocation(place);
  const programs = await findPrograms(place, log);
  await refuseOtherMajor(place, programs.major);
  const sockets = await makeSocketParent(place);
  const is_new = !existsSync(join(place.folder, 'cluster'));
  const server = await superviseServer({ ...programs, ...place, sockets, settings, log });
  if (server === undefined) {
    const running = options.join === true ? await joinEmbeddedPostgres(data_dir) : undefined;
    if (running !== undefined) return running;
    throw new Error(`another server already runs in ${place.folder}`);
  }
  await removeOldCopies(place.home, programs).catch((error: Error) => log(`an old copy of PostgreSQL stays: ${error.message}`));
  let stopping = false;
  return {
    ...(await connectionsOf(place, sockets)),
    started: true,
    created: is_new ? place.folder : undefined,
    stop: () => {
      stopping = true;
      return server.stop();
    },
    exited: server.gone.then(() => (stopping ? new Promise<void>(() => {}) : undefined)),
  };
}

/**
 * The server running in `data_dir`; `undefined` if none accepts connections. Starts and changes
 * nothing.
 */
export async function joinEmbeddedPostgres(data_dir: string): Promise<EmbeddedPostgres | undefined> {
  const place = await findLocation(data_dir);
  const sockets = await runningSockets(place);
  if (sockets === undefined) return undefined;
  return {
    ...(await connectionsOf(place, sockets)),
    started: false,
    created: undefined,
    stop: async () => {},
    exited: new Promise(() => {}),
  };
}

async function refuseOtherMajor({ folder }: ClusterLocation, major: string): Promise<void> {
  const found = (await readIfThere(join(folder, 'cluster/data/PG_VERSION')))?.trim();
  if (found === undefined || found === major) return;
  throw new Error(
    `${folder} was made by PostgreSQL ${found} and this version of Latchkey brings PostgreSQL ${major}: go back to the version that made it, ` +
      'export the data there and import them here, or serve the folder with a PostgreSQL of your own and set database_url',
  );
}

/** postmaster.pid names the socket, as the server may have been started in another environment. */
async function runningSockets({ folder }: ClusterLocation): Promise<string | undefined> {
  const [, , , , sockets, , , state] = (await readIfThere(join(folder, 'cluster/data/postmaster.pid')))?.split('\n') ?? [];
  if (sockets === undefined || state?.trim() !== 'ready') return undefined;
  return (await accepts(join(sockets, `.s.PGSQL.${PORT}`))) ? sockets : undefined;
}

// The file may be stale, so the socket is tried.
function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}

async function connectionsOf({ folder }: ClusterLocation, host: string): Promise<Pick<EmbeddedPostgres, 'connection' | 'superuser'>> {
  const [password, superuser_password] = await Promise.all(
    ['password', 'superuser_password'].map((name) => readFile(join(folder, 'cluster', name), 'utf8')),
  );
  const at = { host, port: PORT };
  return {
    connection: { ...at, user: 'latchkey', password: password ?? '', database: 'latchkey' },
    superuser: { ...at, user: 'postgres', password: superuser_password ?? '', database: 'postgres' },
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    if (error instanceof Error && 'code' in error && error.code === 'EACCES')
      throw new Error(`${path} belongs to another user: run as that user`);
    throw error;
  }
}
