// What every area of the server is built on: configuration, database, clock, keys, audit log, mail.

import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../config/load.ts';
import type { AuthProviderType } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { createRowQuotas } from '../domain/row_quota.ts';
import { createMailer } from '../outbound/mailer.ts';
import type { Database } from '../postgres/database.ts';
import { createDatabaseClock, type DatabaseClock } from '../postgres/database_clock.ts';
import { migrate } from '../postgres/migrations/migrate.ts';
import { createAuditEvents } from '../repository/audit_events.ts';
import { createRepositories } from '../repository/repositories.ts';
import { checkSecretKey, hasSecretKeyCanary } from '../repository/secret_key_canary.ts';
import { createSealer } from '../secrets/sealer.ts';
import { readOrCreateSecretKey } from '../secrets/secret_key_file.ts';
import type { Closers } from './closers.ts';
import { openDatabase } from './open_database.ts';
import { readRegistry } from './registry.ts';

export interface BaseOptions {
  config: Config;
  log: FastifyBaseLogger;
  /** Default: the configured one. The caller closes it. */
  database?: Database;
  /** Default: the database's time. */
  clock?: Clock;
  /** Provider types that are not in the folder. */
  extra_provider_types?: readonly AuthProviderType[];
  /** Whether to join a running embedded PostgreSQL. */
  join?: boolean;
  /** Whether to create an embedded PostgreSQL if there is none; default: true. */
  create?: boolean;
}

export type Base = Awaited<ReturnType<typeof createBase>>;

/** Opens and migrates the database and checks that the secret key opens its secrets. */
export async function createBase(options: BaseOptions, closers: Closers) {
  const { config, log } = options;
  const registry = await readRegistry(options.extra_provider_types);
  const on_error = (err: unknown) => log.error({ err }, 'background task failed');
  const { database, gone, close } = await open(options, on_error);
  closers.add(close);
  const { applied } = await migrate(database, { log: (line) => log.info(line) });
  const { clock, settling } = options.clock ? { clock: options.clock, settling: () => undefined } : await startClock(database, closers);
  const readSecretKey = () => readOrCreateSecretKey(config.data_dir, () => hasSecretKeyCanary(database));
  const sealer = createSealer({
    secret_key: config.secret_key ?? (await readSecretKey()),
    previous_secret_keys: config.previous_secret_keys,
  });
  await checkSecretKey(database, sealer);
  const audit = createAuditEvents({ database, clock, on_error });
  closers.add(() => audit.close().catch(on_error));
  return {
    config,
    log,
    /** Logs the failure of a background task. */
    on_error,
    registry,
    database,
    clock,
    sealer,
    audit,
    /** The issuer: scheme, host and port. */
    public_url: config.public_url ?? `http://localhost:${config.listen.port}`,
    mail: createMailer(config.mail),
    rowQuotas: createRowQuotas(config.http),
    repositories: createRepositories(database, sealer),
    applied_migrations: applied,
    settleClock: settling,
    /** Resolves if the embedded database ends unexpectedly. */
    database_gone: gone,
  };
}

async function open({ config, log, database, join = false, create = true }: BaseOptions, on_error: (err: unknown) => void) {
  if (database) return { database, gone: new Promise<void>(() => {}), close: () => {} };
  return openDatabase(config, { log, join, create, on_error });
}

async function startClock(database: Database, closers: Closers): Promise<Pick<DatabaseClock, 'clock' | 'settling'>> {
  const started = await createDatabaseClock({ database, wall: Date.now, monotonic: () => performance.now() });
  closers.add(started.close);
  return started;
}
