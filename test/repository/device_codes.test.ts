import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { randomId, randomToken, sha256 } from '../../src/domain/secret.ts';
import { newUserCode } from '../../src/domain/user_code.ts';
import { createDeviceCodeRepository, type DeviceCodeRepository, type NewDeviceCode } from '../../src/repository/device_codes.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { quotaOf } from '../support/fixtures/row_quota.ts';

const at = (seconds: number) => addSeconds(NOON, seconds);

let codes: DeviceCodeRepository;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  codes = createDeviceCodeRepository(db.database);
});
beforeEach(async () => {
  await db.database.kysely.deleteFrom('device_codes').execute();
});

function newCode(differs: Partial<NewDeviceCode> = {}): NewDeviceCode {
  return {
    device_code_hash: sha256(randomToken('lk_dc_')),
    user_code: newUserCode(),
    client_id: 'tv',
    scope: ['openid'],
    resource: [],
    max_age: null,
    acr_values: [],
    poll_interval: 5,
    created_at: NOON,
    expires_at: at(600),
    ...differs,
  };
}

async function stored(differs: Partial<NewDeviceCode> = {}, quota = quotaOf('203.0.113.7')): Promise<NewDeviceCode> {
  const code = newCode(differs);
  expect(await codes.store(code, quota)).toBe(true);
  return code;
}

async function sessionOf(user_id: string): Promise<string> {
  const sid = randomId();
  const times = { created_at: NOON, last_used_at: NOON, expires_at: at(86_400) };
  const login = { auth_provider_type: 'homeassistant', auth_provider_id: null, auth_time: NOON, amr: ['pwd'], credential_id: null };
  const row = { id_hash: sha256(sid), sid, user_id, ...login, ...times, remote_address: '203.0.113.7', user_agent: null };
  await db.database.kysely.insertInto('sessions').values(row).execute();
  return sid;
}

describe('storing', () => {
  test('a user code belongs to one device at a time', async () => {
    const { user_code } = await stored();
    expect(await codes.store(newCode({ user_code }), quotaOf('203.0.113.7'))).toBe(false);
  });

  test('an address has a hundred codes and no more; expired ones make room', async () => {
    for (let count = 0; count < 100; count++) await stored({}, quotaOf('198.51.100.2'));
    expect(await codes.store(newCode(), quotaOf('198.51.100.2'))).toBe(false);
    await stored({}, quotaOf('198.51.100.1'));
    await stored({ created_at: at(601) }, quotaOf('198.51.100.2'));
  });
});

// G2
describe('polling', () => {
  test('each poll within the interval makes it longer by five seconds, and it stays so', async () => {
    const { device_code_hash } = await stored();
    const polls: [second: number, how: string][] = [
      [0, 'in_time'],
      [4, 'early'],
      [13, 'early'], // ten seconds now
      [27, 'early'], // fifteen
      [46.9, 'in_time'], // twenty, but for what a network is late
      [66.3, 'early'],
      [92, 'in_time'],
    ];
    for (const [second, how] of polls)
      expect([second, await codes.poll({ device_code_hash, client_id: 'tv', now: at(second) })]).toEqual([second, how]);
  });

  test('of polls in parallel one is in time', async () => {
    const { device_code_hash } = await stored();
    const polls = Array.from({ length: 20 }, () => codes.poll({ device_code_hash, client_id: 'tv', now: NOON }));
    expect((await Promise.all(polls)).filter((how) => how === 'in_time')).toHaveLength(1);
    const row = await db.database.kysely.selectFrom('device_codes').select('poll_interval').executeTakeFirstOrThrow();
    expect(row.poll_interval).toBe(5 + 19 * 5);
  });

  test.each([
    ['of another client', { client_id: 'radio' }, 'unknown'],
    ['that expired', { now: at(600) }, 'expired'],
    ['that is none', { device_code_hash: sha256('none') }, 'unknown'],
  ])('a code %s cannot be waited for', async (_which, differs, reason) => {
    const { device_code_hash } = await stored();
    const presented = { device_code_hash, client_id: 'tv', now: NOON, ...differs };
    expect(await codes.poll(presented)).toBeUndefined();
    expect(await codes.explainMiss(presented)).toBe(reason);
  });
});

// G5
describe('claiming', () => {
  test('the first session has the code, and nobody else answers it', async () => {
    const [ada, bob] = [await addPerson(db.database), await addPerson(db.database)];
    const [hers, his] = [await sessionOf(ada.id), await sessionOf(bob.id)];
    const { user_code } = await stored();
    expect(await codes.find({ user_code, sid: hers, now: NOON })).toMatchObject({ is_claimed: false });
    expect(await codes.claim({ user_code, sid: hers, user_id: ada.id, now: NOON })).toEqual({
      ...{ client_id: 'tv', scope: ['openid'], resource: [], max_age: null, acr_values: [] },
      is_claimed: true,
    });
    expect(await codes.claim({ user_code, sid: his, user_id: bob.id, now: NOON })).toMatchObject({ is_claimed: false });
    expect(await codes.find({ user_code, sid: his, now: NOON })).toMatchObject({ is_claimed: false });
    expect(await codes.deny({ user_code, sid: his, now: NOON })).toBe(false);
    expect(await codes.claim({ user_code, sid: hers, user_id: ada.id, now: NOON })).toMatchObject({ is_claimed: true });
    expect(await codes.deny({ user_code, sid: hers, now: NOON })).toBe(true);
    expect(await codes.claim({ user_code, sid: hers, user_id: ada.id, now: NOON })).toBeUndefined();
  });

  test('a person who logs in again keeps it, and a session that ended holds nobody up', async () => {
    const [ada, bob] = [await addPerson(db.database), await addPerson(db.database)];
    const { user_code } = await stored();
    const first = await sessionOf(ada.id);
    const again = await sessionOf(ada.id);
    await codes.claim({ user_code, sid: first, user_id: ada.id, now: NOON });
    expect(await codes.claim({ user_code, sid: again, user_id: ada.id, now: NOON })).toMatchObject({ is_claimed: true });
    expect(await codes.deny({ user_code, sid: first, now: NOON })).toBe(false);
    await db.database.kysely.deleteFrom('sessions').where('user_id', '=', ada.id).execute();
    expect(await codes.claim({ user_code, sid: await sessionOf(bob.id), user_id: bob.id, now: NOON })).toMatchObject({ is_claimed: true });
  });

  test('of two people who open it in parallel one has it', async () => {
    const people = [await addPerson(db.database), await addPerson(db.database)];
    const sessions = await Promise.all(people.map(async ({ id }) => ({ user_id: id, sid: await sessionOf(id) })));
    const { user_code } = await stored();
    const claims = await Promise.all(sessions.map((session) => codes.claim({ user_code, ...session, now: NOON })));
    expect(claims.map((claim) => claim?.is_claimed).sort()).toEqual([false, true]);
  });

  test.each([
    ['an expired', {}, 600],
    ['an unknown', { user_code: 'BBBBBBBB' }, 0],
  ])('%s code is nobody’s', async (_which, differs, second) => {
    const { id } = await addPerson(db.database);
    const { user_code } = await stored({ user_code: 'BCDFGHJK' });
    const answering = { user_code, sid: await sessionOf(id), user_id: id, now: at(second), ...differs };
    expect(await codes.claim(answering)).toBeUndefined();
    expect(await codes.find(answering)).toBeUndefined();
  });
});
