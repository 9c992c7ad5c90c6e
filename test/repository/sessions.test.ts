import { beforeAll, expect, it } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { randomId, sha256 } from '../../src/domain/secret.ts';
import { createSessionRepository, type SessionRepository } from '../../src/repository/sessions.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let sessions: SessionRepository;
const now = new Date('2026-03-14T09:00:00.000Z');
const user_id = randomId();
const DAY = 86_400;

const test = perFile(() => createTestDatabase());
beforeAll(async () => {
  sessions = createSessionRepository(test.database);
  await test.database.kysely.insertInto('users').values({ id: user_id, name: 'Ann', is_active: true, created_at: now }).execute();
});

function aSession(cookie: string) {
  const times = { auth_time: now, created_at: now, last_used_at: now, expires_at: addSeconds(now, 90 * DAY) };
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null, credential_id: null };
  return {
    id_hash: sha256(cookie),
    sid: `sid of ${cookie}`,
    user_id,
    ...provider,
    amr: ['pwd'],
    remote_address: '192.0.2.1',
    user_agent: null,
    ...times,
  };
}
const find = (cookie: string, at: number) => sessions.find({ id_hash: sha256(cookie), now: addSeconds(now, at), idle: 14 * DAY });

it('a session ends after its idle time, and a use puts that off', async () => {
  await sessions.start(aSession('a'), null);
  expect(await find('a', 14 * DAY - 1)).toMatchObject([{ user_id, name: 'Ann', amr: ['pwd'], last_used_at: now }]);
  expect(await find('a', 14 * DAY)).toEqual([]);
  await sessions.touch({ id_hash: sha256('a'), now: addSeconds(now, 13 * DAY) });
  expect(await find('a', 26 * DAY)).toHaveLength(1);
});

it('however often it is used, a session has an absolute end', async () => {
  await sessions.start(aSession('b'), null);
  await sessions.touch({ id_hash: sha256('b'), now: addSeconds(now, 89 * DAY) });
  expect(await find('b', 90 * DAY - 1)).toHaveLength(1);
  expect(await find('b', 90 * DAY)).toEqual([]);
});

it('a new session continues where the one of the same user was, and keeps its name', async () => {
  await sessions.start(aSession('c'), null);
  await sessions.start(aSession('d'), sha256('c'));
  expect(await find('c', 0)).toEqual([]);
  expect(await find('d', 0)).toMatchObject([{ sid: 'sid of c' }]);
});
