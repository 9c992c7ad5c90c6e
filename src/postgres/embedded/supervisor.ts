// Runs PostgreSQL under a small shell that outlives this process: it locks the cluster, creates it
// if necessary, and stops the server when its standard input closes, even if this process is
// killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { SystemAccount } from './location.ts';

/** The cluster is in use by another server. */
const TAKEN = 75;
const START_TIMEOUT = 300_000;
const READY = 'database system is ready to accept connections';

// Every server process inherits the lock, so it is held as long as any of them runs, even in
// another container with the same directory. A postmaster.pid found while holding it is stale,
// unless the cluster was started without Latchkey.
const SCRIPT = `
set -u
unset SCRIPT
umask 077
bin=$1 folder=$2 sockets=$3
shift 3
exec >&2
for access in r w; do
  [ -"$access" /dev/null ] && continue
  echo "user id $(id -u) cannot read and write /dev/null: make it the device again (rm -f /dev/null; mknod -m 666 /dev/null c 1 3)"
  exit 69
done
# The lifeline. Only the end of this server may end us, so that nothing loses sight of it.
exec 3<&0 </dev/null
trap '' HUP INT TERM
command -v flock >/dev/null || { echo 'the program flock (util-linux) is missing' >&2; exit 69; }
cd "$folder" && [ -w . ] || { echo "user id $(id -u) cannot write to $folder: chown -R $(id -u):$(id -g) '$folder', or make its file system writable"; exit 69; }
folder=$(pwd -P)
data=$folder/cluster/data

# A server that starts or stops is worth waiting for (30 s), a ready one is not (1.5 s: its death may not have been noticed yet).
patience=300
exec 9>>lock
until flock --nonblock 9; do
  [ "$?" -eq 1 ] || exit 69 # no conflict: this file system has no locks
  case $(sed -n 8p "$data/postmaster.pid" 2>/dev/null) in
    ready*) patience=$((patience - 20)) ;;
    *) patience=$((patience - 1)) ;;
  esac
  [ "$patience" -gt 0 ] && [ -d "/proc/$PPID" ] || exit ${TAKEN}
  sleep 0.1
done

# All or nothing: the cluster appears by the rename, with its roles and passwords.
if [ ! -d cluster ]; then
  rm -rf setup
  mkdir setup || exit 69
  random() { od -An -vtx1 -N32 /dev/urandom | tr -d ' \\n'; }
  random >setup/superuser_password
  random >setup/password
  "$bin/initdb" --pgdata=setup/data --username=postgres --pwfile=setup/superuser_password --auth=scram-sha-256 --encoding=UTF8 \\
    --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --data-checksums --no-sync --no-instructions >/dev/null || exit 69
  "$bin/postgres" --single -D setup/data -c exit_on_error=on -c log_min_messages=fatal -c fsync=off postgres >/dev/null <<SQL || exit 69
CREATE ROLE latchkey LOGIN PASSWORD '$(cat setup/password)';
CREATE DATABASE latchkey OWNER latchkey;
SQL
  case " $* " in
    *' fsync=off '*) ;;
    *) "$bin/initdb" --sync-only --pgdata=setup/data >/dev/null && sync setup/* setup || exit 69 ;;
  esac
  mv -T setup cluster || exit 69
  sync .
fi

# Also an empty one or half of one, as a power loss or a full disk leaves it.
{
  pid=
  read -r pid <"$data/postmaster.pid"
  [ "$(cat "/proc/$pid/comm")" = postgres ] && [ "$(readlink "/proc/$pid/cwd")" = "$data" ] && exit ${TAKEN}
  rm -rf "$data/postmaster.pid"
} 2>/dev/null

# The socket has a note of its own. PostgreSQL believes both as long as the process id exists, be it a zombie's or a stranger's.
rm -rf "$sockets"
mkdir "$sockets" || exit 69
"$bin/postgres" -D "$data" -k "$sockets" "$@" >&2 3<&- &
server=$!
# A shell starts its background jobs with SIGINT ignored until the server sets its own handler: one signal could be lost.
{
  exec 9>&- 2>/dev/null
  read -r _ <&3
  signal=INT rounds=0
  while kill -"$signal" "$server"; do
    rounds=$((rounds + 1))
    [ "$rounds" -lt 300 ] || signal=QUIT
    sleep 0.1
  done
} &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill -KILL "$watcher" 2>/dev/null
rmdir "$sockets" 2>/dev/null
exit "$status"
`;

// Small when idle, no network, no statement logging. Everything else is PostgreSQL's default, fsync
// included.
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  password_encryption: 'scram-sha-256',
  max_connections: '60',
  shared_buffers: '32MB',
  huge_pages: 'off',
  io_method: 'sync',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_worker_processes: '2',
  max_parallel_workers_per_gather: '0',
  autovacuum_worker_slots: '2',
  autovacuum_max_workers: '2',
  min_wal_size: '32MB',
  max_wal_size: '256MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
};

export interface SupervisedServer {
  /** Stops the server and waits for its end. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when it has ended, for whatever reason. */
  gone: Promise<void>;
}

export interface ServerPlan {
  bin: string;
  folder: string;
  sockets: string;
  account: SystemAccount | undefined;
  settings: Record<string, string>;
  log: (message: string) => void;
}

/**
 * Starts the server and waits until it accepts connections; creates the cluster if necessary.
 * `undefined`: it is in use.
 */
export async function superviseServer(plan: ServerPlan): Promise<SupervisedServer | undefined> {
  const child = spawnSupervisor(plan);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  const stop = () => {
    child.stdin?.destroy();
    return gone;
  };
  const start = await startOf(child, plan.log);
  if (start.ready) return { stop, gone };
  await stop();
  if (start.status === TAKEN) return undefined;
  throw new Error(`the embedded PostgreSQL in ${plan.folder} did not start: ${sentenceOf(start.reason)}`);
}

/** PostgreSQL's message, or advice where that would not help an operator. */
function sentenceOf(reason: string): string {
  const [, nameless] = /could not look up effective user ID (\d+)/.exec(reason) ?? [];
  if (nameless === undefined) return reason;
  return (
    `user id ${nameless} has no entry in /etc/passwd, which PostgreSQL needs to make its cluster: ` +
    'add one, run as an account that has one, or set database_url'
  );
}

function spawnSupervisor({ bin, folder, sockets, account, settings }: ServerPlan): ChildProcess {
  const options = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn('/bin/sh', ['-c', 'eval "$SCRIPT"', 'latchkey-postgres', bin, folder, sockets, ...options], {
    cwd: '/',
    // PG* variables would affect the server. The script is passed here because `ps` shows
    // arguments.
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', SCRIPT },
    // A session of its own: Ctrl-C reaches this process only, which stops the server last.
    detached: true,
    // The script redirects its output; 'ignore' would need /dev/null.
    stdio: ['pipe', 'pipe', 'pipe'],
    ...account?.ids,
  });
}

type Start = { ready: true } | { ready: false; status: number | null; reason: string };

function startOf(child: ChildProcess, log: (message: string) => void): Promise<Start> {
  return new Promise((resolve) => {
    const last: string[] = [];
    const fail = (status: number | null, reason: string) => {
      clearTimeout(deadline);
      resolve({ ready: false, status, reason });
    };
    const deadline = setTimeout(() => fail(null, `not ready after ${START_TIMEOUT / 1000} s`), START_TIMEOUT);
    child.once('error', (error) => fail(null, error.message));
    child.once('close', (status) => fail(status, last.join('\n') || `exit status ${status}`));
    child.stdin?.on('error', () => {}); // it may be gone before we let go
    if (child.stderr === null) return;
    createInterface(child.stderr).on('line', (line) => {
      log(`postgres: ${line}`);
      last.push(line);
      if (last.length > 20) last.shift();
      if (!line.includes(READY)) return;
      clearTimeout(deadline);
      resolve({ ready: true });
    });
  });
}
