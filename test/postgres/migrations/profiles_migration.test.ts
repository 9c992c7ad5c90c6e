// Migration 0020 on a database in use: people of the version before get usernames and e-mail
// addresses, and that version continues writing.
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openConnection } from '../../../src/postgres/connection.ts';
import { migrate } from '../../../src/postgres/migrations/migrate.ts';
import { DEFAULT_FOLDER } from '../../../src/postgres/migrations/migration_files.ts';
import { createEmptyDatabase } from '../../support/fixtures/database.ts';

/** The last file of the version before. */
const BEFORE = '0013';

let place: Awaited<ReturnType<typeof createEmptyDatabase>>;
let client: pg.Client;

beforeAll(async () => {
  place = await createEmptyDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-migrations-'));
  for (const name of await readdir(DEFAULT_FOLDER))
    if (name.slice(0, 4) <= BEFORE) await cp(join(DEFAULT_FOLDER, name), join(folder, name));
  await migrate(place, { folder });
  await rm(folder, { recursive: true });
  client = await openConnection(place);
  await addLocal(1, 'paula');
  await addDirectory(2, { username: 'Olivia', email: 'olivia@example.com' });
  await addDirectory(3, { preferred_username: 'olivia' });
  await addDirectory(4, { username: 'PAULA', email: 'olivia@example.com' });
  await addLocal(5, 'rene\u0301');
  await addDirectory(6, { username: 'ren\u00e9' });
  await addDirectory(7, { username: 'f'.repeat(32) });
  await addDirectory(8, { username: 'wanda' }, { is_active: false, is_pending: true });
  await addUser(9, { system_generated: true });
  await migrate(place);
});
afterAll(async () => {
  await client.end();
  await place.drop();
});

const idOf = (n: number) => n.toString(16).padStart(32, '0');
const secondOf = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n));

// The statements of the version before, with the columns that it knows.
async function addUser(n: number, differs: { is_active?: boolean; is_pending?: boolean; system_generated?: boolean } = {}) {
  const { is_active = true, is_pending = false, system_generated = false } = differs;
  await client.query(
    `insert into users (id, name, is_owner, is_active, is_pending, system_generated, local_only, created_at)
     values ($1, $2, false, $3, $4, $5, false, $6)`,
    [idOf(n), `Person ${n}`, is_active, is_pending, system_generated, secondOf(n)],
  );
}

async function addCredential(n: number, provider: [string, string | null], subject: string, data: object) {
  await client.query(
    `insert into credentials (id, user_id, auth_provider_type, auth_provider_id, subject, data, created_at)
     values ($1, $1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [idOf(n), ...provider, subject, JSON.stringify(data), secondOf(n)],
  );
}

async function addLocal(n: number, username: string) {
  await addUser(n);
  await client.query(
    `insert into local_logins (username, password_hash, created_at, changed_at) values ($1, 'a hash', $2, $2) on conflict do nothing`,
    [username, secondOf(n)],
  );
  await addCredential(n, ['homeassistant', null], username, { username });
}

async function addDirectory(n: number, data: object, differs: Parameters<typeof addUser>[1] = {}) {
  await addUser(n, differs);
  await addCredential(n, ['ldap', 'office'], `uuid-${n}`, data);
}

async function column(name: 'username' | 'email' | 'email_verified' | 'email_credential_id') {
  const { rows } = await client.query(`select ${name} as value from users where id <= $1 order by id`, [idOf(9)]);
  return rows.map(({ value }) => value);
}

// S12
describe('people of the version before', () => {
  test('are called by their local login, or by what their provider says in ASCII, numbered where that is taken', async () => {
    expect(await column('username')).toEqual(['paula', 'olivia', 'olivia-2', 'paula-2', 'rene\u0301', null, null, null, null]);
  });

  test('have the addresses that their providers stated, none of them verified', async () => {
    const email = 'olivia@example.com';
    expect(await column('email')).toEqual([null, email, null, email, null, null, null, null, null]);
    expect(await column('email_credential_id')).toEqual([null, idOf(2), null, idOf(4), null, null, null, null, null]);
    expect(new Set(await column('email_verified'))).toEqual(new Set([false]));
  });

  test('share no username and no verified address', async () => {
    const taken = client.query('update users set username = $1 where id = $2', ['olivia', idOf(3)]);
    await expect(taken).rejects.toMatchObject({ constraint: 'users_username' });
    await client.query('update users set email_verified = true where id = $1', [idOf(2)]);
    const verified = client.query(`update users set email = 'OLIVIA@example.com', email_verified = true where id = $1`, [idOf(4)]);
    await expect(verified).rejects.toMatchObject({ constraint: 'users_verified_email' });
  });
});

// S12
test('the version before continues making people and logins, also by a name that somebody has', async () => {
  await addLocal(16, 'nina');
  await addDirectory(17, { username: 'olivia', email: 'olivia@example.com' });
  await addLocal(18, 'olivia');
  await addUser(19, { system_generated: true });
  const { rows } = await client.query(
    `select u.id, u.username, u.email, u.email_verified, c.subject from users u left join credentials c on c.user_id = u.id
     where u.id >= $1 order by u.id`,
    [idOf(16)],
  );
  const blank = { username: null, email: null, email_verified: false };
  expect(rows).toEqual([
    { id: idOf(16), ...blank, subject: 'nina' },
    { id: idOf(17), ...blank, subject: 'uuid-17' },
    { id: idOf(18), ...blank, subject: 'olivia' },
    { id: idOf(19), ...blank, subject: null },
  ]);
});
