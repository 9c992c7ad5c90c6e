// One PostgreSQL for a whole test run: the server LATCHKEY_TEST_DATABASE_URL names, else the embedded one in a fresh folder that is
// gone afterwards. Tests get `inject('admin')`, a connection that may create databases.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/embedded_postgres.ts';

/** Parts of a connection as `pg` takes them; `host` may be a socket's folder. */
export interface AdminConnection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    admin: AdminConnection;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env.LATCHKEY_TEST_DATABASE_URL;
  if (url !== undefined && url !== '') {
    project.provide('admin', partsOf(new URL(url)));
    return async () => {};
  }
  const data_dir = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  await chmod(data_dir, 0o711); // a run as root keeps the cluster here only if the unprivileged account may pass
  const server = await startEmbeddedPostgres({ data_dir, log: () => {}, settings: { fsync: 'off', max_connections: '200' } });
  project.provide('admin', server.superuser);
  return async () => {
    await server.stop();
    await rm(data_dir, { recursive: true, force: true });
  };
}

function partsOf(url: URL): AdminConnection {
  return {
    host: url.searchParams.get('host') ?? url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username || 'postgres'),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
  };
}
