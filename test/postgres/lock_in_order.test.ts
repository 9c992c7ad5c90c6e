// What ends the grants of many people at once does not wait in a circle with round trips that
// rotate or redeem for many.
import { sql } from 'kysely';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Database } from '../../src/postgres/database.ts';
import { createClientRepository } from '../../src/repository/clients.ts';
import { endIssuedBefore, lockIssuing } from '../../src/repository/issued_before_cutoff.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];

let database: Database;
let login: { user_id: string; credential_id: string; client_id: string; auth_provider_type: string; auth_time: Date; created_at: Date };

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  database = db.database;
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins'] as const) await database.kysely.deleteFrom(table).execute();
  const { id: user_id } = await addPerson(database, { name: 'Ann', username: 'ann' });
  const { id: credential_id } = await database.kysely.selectFrom('credentials').select('id').executeTakeFirstOrThrow();
  login = { user_id, credential_id, client_id: 'app', auth_provider_type: 'homeassistant', auth_time: NOON, created_at: NOON };
  // The last ones stand first in their tables.
  for (const digit of ['f', '0']) {
    await addGrant(digit);
    const code = { code_hash: Buffer.from(digit.repeat(64), 'hex'), purpose: 'authorize', remote_address: '192.0.2.1' } as const;
    await database.kysely
      .insertInto('authorization_codes')
      .values({ ...code, ...login, expires_at: NOON })
      .execute();
  }
});

async function addGrant(digit: string, kysely = database.kysely): Promise<void> {
  const grant = { id: digit.repeat(32), token_type: 'normal', access_token_expiration: 1800 } as const;
  await kysely
    .insertInto('refresh_tokens')
    .values({ ...grant, ...login })
    .execute();
}

const removeGrants = (trx: Transaction) => createClientRepository(database).removeGrants(trx, 'app');
async function endAll(trx: Transaction) {
  await lockIssuing(trx);
  await endIssuedBefore(trx, { before: null, now: NOON });
}

/** Resolves when somebody waits for a lock. */
async function someoneWaits(): Promise<void> {
  for (;;) {
    const waiting = sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    if ((await waiting.execute(database.kysely)).rows.length > 0) return;
  }
}

test.each<[string, 'refresh_tokens' | 'authorization_codes', string, (trx: Transaction) => Promise<unknown>]>([
  ['the grants of a client', 'refresh_tokens', 'id', removeGrants],
  ['the codes of a client', 'authorization_codes', 'code_hash', removeGrants],
  ['all grants', 'refresh_tokens', 'id', endAll],
])('%s go while a round trip locks the first and then the last of them', async (_story, table, key, remove) => {
  let removing: Promise<unknown> | undefined;
  const lock = (trx: Transaction, order: 'asc' | 'desc') =>
    sql`select from ${sql.table(table)} where ${sql.ref(key)} = (
      select ${sql.ref(key)} from ${sql.table(table)} order by ${sql.ref(key)} ${sql.raw(order)} limit 1) for no key update`.execute(trx);
  // Without the second attempt that a conflict gets.
  await database.kysely.transaction().execute(async (trx) => {
    await lock(trx, 'asc');
    removing = database.kysely.transaction().execute(remove);
    await someoneWaits();
    await lock(trx, 'desc');
  });
  await removing;
  expect(await database.kysely.selectFrom(table).selectAll().execute()).toEqual([]);
});

test('a grant for which a code of the client is just being traded goes, too', async () => {
  let removing: Promise<unknown> | undefined;
  await database.transaction(async (trx) => {
    await trx.updateTable('authorization_codes').set({ spent_at: NOON }).where('code_hash', '=', Buffer.alloc(32)).execute();
    await addGrant('8', trx);
    removing = database.transaction(removeGrants);
    await someoneWaits();
  });
  await removing;
  expect(await database.kysely.selectFrom('refresh_tokens').select('id').execute()).toEqual([]);
});
