import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { randomId, sha256 } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import { createHostSessionRepository } from '../../src/repository/host_sessions.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const HOST = 'grafana.example.com';
const BROWSER = sha256('a browser');
const DAY = 86_400;
let rows: ReturnType<typeof createHostSessionRepository>;
const db = perFile(() => createTestDatabase());
beforeAll(() => {
  rows = createHostSessionRepository(db.database);
});
beforeEach(async () => {
  for (const table of ['users', 'local_logins'] as const) await db.database.kysely.deleteFrom(table).execute();
});

async function addSession({ id: user_id }: User, id = randomId()) {
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const times = { auth_time: NOON, created_at: NOON, last_used_at: NOON, expires_at: later(90 * DAY) };
  const session = { id_hash: sha256(id), sid: id, user_id, ...provider, remote_address: '192.0.2.1', ...times };
  await db.database.kysely.insertInto('sessions').values(session).execute();
  return id;
}

async function addCode(sid: string, code = randomId()) {
  const times = { created_at: NOON, expires_at: later(60) };
  await rows.insertCode({ code_hash: sha256(code), host: HOST, sid, browser_hash: BROWSER, ...times });
  return code;
}

function redeem(code: string, differs: { host?: string; browser_hash?: Buffer; cookie?: string; now?: Date } = {}) {
  const { cookie = randomId(), ...others } = differs;
  return rows.redeem({ code_hash: sha256(code), host: HOST, browser_hash: BROWSER, now: NOON, id_hash: sha256(cookie), ...others });
}

async function find(cookie: string, differs: { host?: string; now?: Date } = {}) {
  const [found] = await rows.findVisitor({ id_hash: sha256(cookie), host: HOST, now: NOON, idle: DAY, ...differs });
  return found;
}

describe('a code', () => {
  it('makes one session, of 20 that try at once', async () => {
    const user = await addPerson(db.database);
    const code = await addCode(await addSession(user));
    const made = await Promise.all(Array.from({ length: 20 }, () => redeem(code)));
    expect(made.filter(Boolean)).toEqual([{ user_id: user.id }]);
  });

  it('is refused late, at another host and in another browser, and then is still good', async () => {
    const code = await addCode(await addSession(await addPerson(db.database)));
    expect(await redeem(code, { now: later(60) })).toBeUndefined();
    expect(await redeem(code, { host: 'other.example.com' })).toBeUndefined();
    expect(await redeem(code, { browser_hash: sha256('another') })).toBeUndefined();
    expect(await redeem(code, { now: later(59) })).toBeDefined();
  });
});

describe('a session at a host', () => {
  it('is found at its host, until the session of the browser ends', async () => {
    const user = await addPerson(db.database, { username: 'ada' });
    const sid = await addSession(user);
    await redeem(await addCode(sid), { cookie: 'c' });
    expect(await find('c')).toMatchObject({ sid, user_id: user.id, name: 'Paulus', username: 'ada', email: null, group_ids: [] });
    expect(await find('c', { host: 'other.example.com' })).toBeUndefined();
    expect(await find('c', { now: later(DAY) })).toBeUndefined();
    await rows.touch({ sid, now: later(DAY - 1) });
    expect(await find('c', { now: later(DAY) })).toBeDefined();
    await db.database.kysely.deleteFrom('sessions').where('sid', '=', sid).execute();
    expect(await find('c')).toBeUndefined();
    expect(await db.database.kysely.selectFrom('host_sessions').selectAll().execute()).toEqual([]);
  });
});

// S12: apps at a host know people by this name alone.
describe('the name of a visitor', () => {
  async function visitorOf(user: User) {
    const cookie = randomId();
    await redeem(await addCode(await addSession(user)), { cookie });
    return await find(cookie);
  }
  const setProfile = (user: User, profile: { username?: string; email?: string; email_verified?: boolean }) =>
    db.database.kysely.updateTable('users').set(profile).where('id', '=', user.id).execute();

  it('is the username of the profile, never what a provider calls them', async () => {
    const user = await addPerson(db.database);
    const key = { auth_provider_type: 'ldap', auth_provider_id: 'office', subject: randomId() };
    await db.database.kysely
      .insertInto('credentials')
      .values({ id: randomId(), user_id: user.id, ...key, data: JSON.stringify({ username: 'grace' }), created_at: NOON })
      .execute();
    expect(await visitorOf(user)).toMatchObject({ username: null });
    await setProfile(user, { username: 'grace-2' });
    expect(await visitorOf(user)).toMatchObject({ username: 'grace-2' });
  });

  it('is the name of the local login in rows of the version before', async () => {
    expect(await visitorOf(await addPerson(db.database, { username: 'ada' }))).toMatchObject({ username: 'ada' });
  });

  // S11
  it('comes with an address only where that is verified: the header could not say which it is', async () => {
    const user = await addPerson(db.database, { username: 'ada' });
    await setProfile(user, { email: 'boss@example.com' });
    expect(await visitorOf(user)).toMatchObject({ email: null });
    await setProfile(user, { email_verified: true });
    expect(await visitorOf(user)).toMatchObject({ email: 'boss@example.com' });
  });
});
