// The location and account of the embedded cluster. PostgreSQL refuses to run as root, so root uses
// the cluster's owner, `postgres`, or `nobody`.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chown, lchown, lstat, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const STATE_FOLDER = '/var/lib/latchkey';
/** Maximum length of a Unix socket's path in bytes (sun_path without NUL). */
const SOCKET_PATH_LIMIT = 107;

/** The account that runs PostgreSQL for root. `ids` are options of `spawn`. */
export interface SystemAccount {
  name: string;
  ids: { uid: number; gid: number };
}

export interface ClusterLocation {
  /**
   * The directory next to which program copies are kept: data_dir, or its substitute under
   * /var/lib.
   */
  home: string;
  /** The account's directory with lock, cluster and passwords. */
  folder: string;
  /** Only if this process is root. */
  account: SystemAccount | undefined;
  /** True if `home` is not data_dir, because the account cannot enter that. */
  moved: boolean;
}

/** The location that belongs to `data_dir`, existing or not. Changes nothing on disk. */
export async function findLocation(data_dir: string): Promise<ClusterLocation> {
  await requireFolder(data_dir);
  const home = await canonical(data_dir);
  const folder = join(home, 'postgres');
  if (process.getuid?.() !== 0) return { home, folder, account: undefined, moved: false };

  const account = (await ownerOf(folder)) ?? (await unprivilegedAccount());
  const stand_in = join(STATE_FOLDER, nameFor(home));
  const enterable = await canEnter(home, account);
  if (await exists(join(folder, 'cluster'))) {
    // An empty cluster elsewhere would look like data loss.
    if (!enterable)
      throw new Error(`${folder} holds the database but account ${account.name} cannot enter it: open the folders above it (chmod o+x)`);
    return { home, folder, account, moved: false };
  }
  const moved = !enterable || (await exists(join(stand_in, 'postgres/cluster')));
  if (!moved) return { home, folder, account, moved };
  const moved_folder = join(stand_in, 'postgres');
  return { home: stand_in, folder: moved_folder, account: (await ownerOf(moved_folder)) ?? account, moved };
}

/**
 * Creates the directories. Everything inside `folder` is created by the account, so that root never
 * follows links planted there.
 */
export async function createLocation({ home, folder, account }: ClusterLocation): Promise<void> {
  // The account must traverse root's directory but need not list it.
  await mkdir(home, { recursive: true, mode: account === undefined ? 0o700 : 0o711 }).catch(refusedAt(home));
  await mkdir(folder, { mode: 0o700 }).catch(ignoring('EEXIST')).catch(refusedAt(home));
  const found = await lstat(folder);
  if (!found.isDirectory()) throw new Error(`${folder} is not a folder`);
  const is_new = found.uid === 0 && !(await exists(join(folder, 'cluster')));
  if (account !== undefined && is_new) await chown(folder, account.ids.uid, account.ids.gid);
  await requireOwner(folder, account);
}

/** After a restore by root the files belong to root, and PostgreSQL cannot read them. */
async function requireOwner(folder: string, account: SystemAccount | undefined): Promise<void> {
  const uid = account?.ids.uid ?? process.getuid?.();
  const gid = account?.ids.gid ?? process.getgid?.();
  const who = account === undefined ? `this process runs as user id ${uid}` : `account ${account.name} runs the database`;
  for (const path of [
    '.',
    'lock',
    'cluster',
    'cluster/password',
    'cluster/superuser_password',
    'cluster/data',
    'cluster/data/PG_VERSION',
  ]) {
    const found = await lstat(join(folder, path)).catch(() => undefined);
    if (found !== undefined && found.uid !== uid)
      throw new Error(`${join(folder, path)} belongs to user id ${found.uid}, but ${who}: chown -R ${uid}:${gid} '${folder}'`);
  }
}

async function requireFolder(data_dir: string): Promise<void> {
  const existing = await nearestExisting(resolve(data_dir));
  if (!(await stat(existing)).isDirectory()) throw new Error(`data_dir ${data_dir} cannot hold the database: ${existing} is a file`);
  if (/\p{Cc}/u.test(data_dir)) throw new Error(`data_dir ${JSON.stringify(data_dir)} contains a control character`);
}

/**
 * A directory for the cluster's socket: a short path inside a directory that only the account can
 * enter. The supervisor creates the inner directory.
 */
export async function makeSocketParent({ folder, account }: ClusterLocation): Promise<string> {
  const uid = account?.ids.uid ?? process.getuid?.() ?? 0;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  for (const base of socketBases(account)) {
    const parent = join(base, `latchkey-${uid}`);
    const sockets = join(parent, name);
    if (Buffer.byteLength(join(sockets, '.s.PGSQL.5432')) > SOCKET_PATH_LIMIT) continue;
    await mkdir(parent, { mode: 0o700 }).catch(() => {});
    const found = await lstat(parent).catch(() => undefined);
    if (found === undefined) continue;
    const fresh = account !== undefined && found.uid === 0;
    if (fresh) await lchown(parent, account.ids.uid, account.ids.gid);
    if (found.isDirectory() && (found.uid === uid || fresh) && (found.mode & 0o077) === 0) return sockets;
    throw new Error(`${parent} must be a folder of user id ${uid} with mode 0700; someone else made it: remove it`);
  }
  throw new Error(
    'no folder can hold the socket of the embedded PostgreSQL: set XDG_RUNTIME_DIR or TMPDIR to a writable one with a short path',
  );
}

function socketBases(account: SystemAccount | undefined): string[] {
  const runtime = account === undefined ? process.env.XDG_RUNTIME_DIR : '/run';
  return [runtime, tmpdir(), '/tmp'].filter((base): base is string => base !== undefined && base !== '' && !base.includes(','));
}

/** The path without links, even if its last parts do not exist yet. */
async function canonical(path: string): Promise<string> {
  const whole = resolve(path);
  const existing = await nearestExisting(whole);
  return join(await realpath(existing), relative(existing, whole));
}

async function nearestExisting(path: string): Promise<string> {
  return (await exists(path)) || path === dirname(path) ? path : nearestExisting(dirname(path));
}

/** `/srv/auth/data` becomes `auth-data-1a2b3c4d`: readable and unique per path. */
function nameFor(path: string): string {
  const words = [basename(dirname(path)), basename(path)]
    .map((part) => part.replace(/[^A-Za-z0-9_.-]+/g, '_'))
    .filter((part) => part !== '');
  return [...words, createHash('sha256').update(path).digest('hex').slice(0, 8)].join('-').slice(-100);
}

async function unprivilegedAccount(): Promise<SystemAccount> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find(([known]) => known === name) ?? [];
    if (uid !== undefined && gid !== undefined && uid !== '0') return { name, ids: { uid: Number(uid), gid: Number(gid) } };
  }
  throw new Error('PostgreSQL does not run as root and there is no account postgres or nobody: start as another user or set database_url');
}

async function ownerOf(folder: string): Promise<SystemAccount | undefined> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined || found.uid === 0) return undefined;
  return { name: `of user id ${found.uid}`, ids: { uid: found.uid, gid: found.gid } };
}

async function canEnter(path: string, account: SystemAccount): Promise<boolean> {
  try {
    await run('/bin/sh', ['-c', 'cd "$1"', 'sh', await nearestExisting(path)], { cwd: '/', ...account.ids });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') {
      throw new Error(`root may not become account ${account.name} here: start as another user or set database_url`, { cause: error });
    }
    return false;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * The path is the reason only if this account may not write there; other errors explain themselves.
 */
function refusedAt(home: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error;
    const uid = process.getuid?.();
    throw new Error(
      `data_dir ${home} cannot be written by user id ${uid}: chown -R ${uid}:${process.getgid?.()} '${home}', or set data_dir to another folder`,
      { cause: error },
    );
  };
}

function ignoring(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error;
  };
}
