// A lock for changes to shared state: the schema (migrate.ts) and rows managed by the configuration
// (at start).
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { type ConnectionOptions, openConnection } from '../connection.ts';

/** Arbitrary but fixed. */
const LOCK_KEY = 4_207_849_310;
const POLL_MS = 100;

/**
 * Runs `work` while holding the lock, on the connection that holds it, so that a crash releases it.
 * Not reentrant. Throws if the lock is held by others for longer than `wait_ms` (default: a
 * minute).
 */
export async function withMigrationLock<T>(
  source: ConnectionOptions,
  work: (client: pg.Client) => Promise<T>,
  wait_ms = 60_000,
): Promise<T> {
  const client = await openConnection(source);
  try {
    await takeLock(client, performance.now() + wait_ms);
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Polls: a session blocked in pg_advisory_lock() deadlocks with `create index concurrently`. */
async function takeLock(client: pg.Client, deadline: number): Promise<void> {
  for (;;) {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as locked', [LOCK_KEY]);
    if (rows[0].locked) return;
    if (performance.now() >= deadline) throw new Error('Another process has held the migration lock for too long');
    await pause(POLL_MS);
  }
}
