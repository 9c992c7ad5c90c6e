import { beforeAll, beforeEach, expect, it } from 'vitest';
import { sha256 } from '../../src/domain/secret.ts';
import { createSessions, type Sessions } from '../../src/login/session.ts';
import { createSessionRepository as createSessionRows } from '../../src/repository/sessions.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addUser } from '../support/fixtures/login.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const DAY = 86_400;
const HOME = '192.168.1.2';
let sessions: Sessions;
let time: ReturnType<typeof createTestClock>;
let user: { user_id: string; credential_id: string };

const ended: { sid: string; user_id: string }[] = [];
const endSession = { end: async ({ sid, user_id }: { sid: string; user_id: string }) => void ended.push({ sid, user_id }) };

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  user = await addUser(db.database, 'ann');
});
beforeEach(() => {
  time = createTestClock();
  sessions = createSessions({
    sessions: createSessionRows(db.database),
    endSession,
    clock: time.clock,
    idle: 14 * DAY,
    lifetime: 90 * DAY,
  });
});

const loggedIn = (who = user) => {
  const provider = { auth_provider_type: 'insecure_example', auth_provider_id: null };
  return { ...who, ...provider, auth_time: time.clock(), amr: ['pwd'], redirect_uri: '' };
};
const from = { remote_address: HOME, user_agent: 'x'.repeat(600) };
const update = (id: string, set: { is_active?: boolean; local_only?: boolean }) =>
  db.database.kysely.updateTable('users').set(set).where('id', '=', id).execute();

// H19
it('a cookie is 256 random bits, and only its hash is stored', async () => {
  const cookies = [await sessions.start(loggedIn(), from), await sessions.start(loggedIn(), from)];
  expect(cookies[0]).toMatch(/^lk_se_[\w-]{43}$/);
  expect(cookies[0]).not.toBe(cookies[1]);
  const rows = await db.database.kysely.selectFrom('sessions').selectAll().execute();
  expect(rows.map(({ id_hash }) => id_hash)).toEqual(expect.arrayContaining(cookies.map(sha256)));
  expect(JSON.stringify(rows)).not.toContain(cookies[0]!.slice(6));
  expect(rows[0]?.user_agent).toHaveLength(512);
});

it('a session says who logged in, how and when', async () => {
  const cookie = await sessions.start(loggedIn(), from);
  const session = await sessions.find(cookie, HOME);
  expect(session).toMatchObject({
    ...user,
    name: 'ann',
    is_owner: false,
    amr: ['pwd'],
    auth_time: time.clock(),
    auth_provider_type: 'insecure_example',
  });
});

// H19
it.each(['', 'lk_se_', `lk_se_${'A'.repeat(43)}`, 'x'.repeat(10_000)])('a forged cookie is no session', async (cookie) => {
  expect(await sessions.find(cookie, HOME)).toBeNull();
});

// H18
it('a login gets a new cookie, and the former one stops working', async () => {
  const before = await sessions.start(loggedIn(), from);
  const after = await sessions.start(loggedIn(), { ...from, replaces: before });
  expect(await sessions.find(before, HOME)).toBeNull();
  expect(await sessions.find(after, HOME)).not.toBeNull();
});

it('a login over another person’s session logs that person out', async () => {
  const other = await addUser(db.database, 'cleo');
  const before = await sessions.start(loggedIn(other), from);
  const session = await sessions.find(before, HOME);
  await sessions.start(loggedIn(), { ...from, replaces: before });
  expect(ended).toEqual([{ sid: session?.sid, user_id: other.user_id }]);
});

it('use extends the idle end, written once a minute; the absolute end stays', async () => {
  const cookie = await sessions.start(loggedIn(), from);
  time.advance(59);
  await sessions.find(cookie, HOME);
  const first = (await sessions.find(cookie, HOME))?.last_used_at;
  time.advance(1);
  await sessions.find(cookie, HOME);
  expect((await sessions.find(cookie, HOME))?.last_used_at.getTime()).toBe(first!.getTime() + 60_000);
  for (let day = 13; day < 90; day += 13) {
    time.advance(13 * DAY);
    expect(await sessions.find(cookie, HOME), `day ${day}`).not.toBeNull();
  }
  time.advance(13 * DAY);
  expect(await sessions.find(cookie, HOME)).toBeNull();
});

it('a session without use for two weeks is over', async () => {
  const cookie = await sessions.start(loggedIn(), from);
  time.advance(14 * DAY);
  expect(await sessions.find(cookie, HOME)).toBeNull();
});

it('a user who may not authenticate from there has no session there', async () => {
  const other = await addUser(db.database, 'bob');
  const cookie = await sessions.start(loggedIn(other), from);
  await update(other.user_id, { local_only: true });
  expect(await sessions.find(cookie, HOME)).not.toBeNull();
  expect(await sessions.find(cookie, '198.51.100.7')).toBeNull();
  await update(other.user_id, { is_active: false });
  expect(await sessions.find(cookie, HOME)).toBeNull();
});
