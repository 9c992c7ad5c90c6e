// The members of pg that pipelined queries use without types. pg is pinned; a release that changes
// them fails here, before any query does.

import { readFileSync } from 'node:fs';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const db = perFile(() => createTestDatabase());

test('pg is pinned to one version', () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8')).dependencies.pg).toMatch(/^\d+\.\d+\.\d+$/);
});

test('a connection has the messages of the extended protocol, and its parsed statements', async () => {
  const client = new pg.Client({ ...db.connection });
  await client.connect();
  try {
    await client.query({ name: 'contract', text: 'select 1 as one' });
    const { connection } = client as unknown as { connection: Record<string, unknown> & { parsedStatements: Record<string, string> } };
    for (const message of ['parse', 'bind', 'describe', 'execute', 'sync']) expect(typeof connection[message]).toBe('function');
    expect(connection.parsedStatements).toEqual({ contract: 'select 1 as one' });
    expect(connection.stream).toMatchObject({ cork: expect.any(Function), uncork: expect.any(Function) });
  } finally {
    await client.end();
  }
});

test('the library parses rows and prepares values as it does for its own queries', () => {
  const { Result, utils } = pg as unknown as { Result: new (...options: unknown[]) => object; utils: Record<string, unknown> };
  expect(new Result(undefined, pg.types)).toMatchObject({ addFields: expect.any(Function), parseRow: expect.any(Function) });
  expect(utils.prepareValue).toEqual(expect.any(Function));
});
