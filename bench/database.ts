// The PostgreSQL server that all contenders share, with a database each: the embedded one, or that
// of --database-url.

import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/postgres/embedded/embedded_postgres.ts';
import { familyCpuSeconds } from './processes.ts';

export interface BenchDatabase {
  /** Creates an empty database and returns its URL. */
  create(name: string): Promise<string>;
  /** CPU seconds of the whole server; NaN if it is not a known local process. */
  cpuSeconds(): number;
  close(): Promise<void>;
}

export async function openBenchDatabase(database_url: string | undefined): Promise<BenchDatabase> {
  const data_dir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  await chmod(data_dir, 0o711);
  const server = database_url === undefined ? await startEmbeddedPostgres({ data_dir, log: () => {} }) : undefined;
  const base = database_url ?? urlOf(server?.superuser);
  const pid = server === undefined ? undefined : postmasterPid(data_dir);
  return {
    async create(name) {
      const client = new pg.Client({ connectionString: base });
      await client.connect();
      await client.query(`drop database if exists ${name} with (force)`);
      await client.query(`create database ${name}`);
      await client.end();
      return base.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);
    },
    cpuSeconds: () => (pid === undefined ? Number.NaN : familyCpuSeconds(pid)),
    async close() {
      await server?.stop();
      await rm(data_dir, { recursive: true, force: true });
    },
  };
}

function urlOf(connection: { host: string; port: number; user: string; password: string; database: string } | undefined): string {
  const { host = '', port, user, password, database } = connection ?? {};
  return `postgres://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}

function postmasterPid(data_dir: string): number {
  return Number(readFileSync(join(data_dir, 'postgres/cluster/data/postmaster.pid'), 'utf8').split('\n')[0]);
}
