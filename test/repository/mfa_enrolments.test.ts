import { beforeAll, beforeEach, expect, test } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import { createMfaEnrolmentRepository, type MfaEnrolmentRepository, type NewMfaEnrolment } from '../../src/repository/mfa_enrolments.ts';
import { resealSecrets } from '../../src/repository/reseal.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { SEALER } from '../support/fixtures/grants.ts';
import { addPerson, later, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let enrolments: MfaEnrolmentRepository;
let user_id: string;

const db = perFile(() => createTestDatabase());
beforeAll(() => {
  enrolments = createMfaEnrolmentRepository(db.database, SEALER);
});
beforeEach(async () => {
  await db.database.kysely.deleteFrom('mfa_enrolments').execute();
  ({ id: user_id } = await addPerson(db.database));
});

function row(differences: Partial<NewMfaEnrolment> = {}): NewMfaEnrolment {
  const what = { mfa_module_id: 'totp', name: null, device_id: null, secret: { secret: 'JBSWY3DPEHPK3PXP' } };
  return { id: randomId(), user_id, ...what, created_at: NOON, ...differences };
}

const put = (enrolment: NewMfaEnrolment, replaces = false) =>
  db.database.transaction((trx) => enrolments.put(trx, enrolment, { replaces }));

// I10
test('a secret is readable with the key alone, and in its own row alone', async () => {
  const [mine, other] = [row(), row()];
  await put(mine);
  await put(other);
  const stored = await db.database.kysely.selectFrom('mfa_enrolments').select(['id', 'secret']).execute();
  for (const { secret } of stored) expect(secret.includes('JBSWY3DP')).toBe(false);
  expect((await enrolments.ofUser(user_id)).map(({ secret }) => secret)).toEqual([mine.secret, mine.secret]);
  const secret = stored.find(({ id }) => id === other.id)?.secret;
  await db.database.kysely.updateTable('mfa_enrolments').set({ secret }).where('id', '=', mine.id).execute();
  await expect(enrolments.ofUser(user_id)).rejects.toThrow('sealed for another place');
});

// I2
test('of parallel uses in the version that was read one is accepted', async () => {
  await put(row());
  const [read] = await enrolments.ofUser(user_id);
  const uses = await Promise.all(Array.from({ length: 10 }, (_, n) => enrolments.use(read!, { n }, later(n))));
  expect(uses.filter(Boolean)).toHaveLength(1);
  const [used] = await enrolments.ofUser(user_id);
  expect(used).toMatchObject({ version: 1, secret: { n: uses.indexOf(true) }, last_used_at: later(uses.indexOf(true)) });
});

test('a device is enrolled once, anyone who it belongs to, and found by what it calls itself', async () => {
  const eve = await addPerson(db.database);
  expect(await put(row({ device_id: 'device' }))).toBe(true);
  expect(await put(row({ device_id: 'device', user_id: eve.id }))).toBe(false);
  expect(await put(row({ device_id: 'device', mfa_module_id: 'other' }))).toBe(true);
  expect(await enrolments.findDevice('totp', 'device')).toMatchObject({ user_id });
  expect(await enrolments.findDevice('totp', 'unknown')).toBeUndefined();
});

test('one that replaces leaves those of other modules and users alone', async () => {
  const eve = await addPerson(db.database);
  for (const enrolment of [row(), row({ mfa_module_id: 'passkey' }), row({ user_id: eve.id })]) await put(enrolment);
  const last = row();
  await put(last, true);
  expect((await enrolments.list(user_id)).map(({ mfa_module_id }) => mfa_module_id).sort()).toEqual(['passkey', 'totp']);
  expect((await enrolments.list(user_id)).some(({ id }) => id === last.id)).toBe(true);
  expect(await enrolments.list(eve.id)).toHaveLength(1);
});

test('what is listed holds no secret, and a user takes theirs along', async () => {
  await put(row());
  expect(Object.keys((await enrolments.list(user_id))[0] ?? {})).toEqual(['id', 'mfa_module_id', 'name', 'created_at', 'last_used_at']);
  await db.database.kysely.deleteFrom('users').where('id', '=', user_id).execute();
  expect(await enrolments.list(user_id)).toEqual([]);
});

test('a group demands a factor of its members while it is enabled', async () => {
  const { kysely } = db.database;
  const group = { id: `strict${user_id.slice(0, 8)}`, name: 'Strict', policy: '{}', managed_by: 'config', created_at: NOON } as const;
  await kysely
    .insertInto('groups')
    .values({ ...group, require_mfa: true })
    .execute();
  expect(await enrolments.isRequired(user_id)).toBe(false);
  await kysely.insertInto('user_groups').values({ user_id, group_id: group.id }).execute();
  expect(await enrolments.isRequired(user_id)).toBe(true);
  await kysely.updateTable('groups').set({ is_enabled: false }).where('id', '=', group.id).execute();
  expect(await enrolments.isRequired(user_id)).toBe(false);
});

test('a new secret_key takes the secrets along', async () => {
  const [OLD, NEW] = ['an old secret key of 32 letters!!', 'a new secret key of 32 letters!!!'];
  const old = createMfaEnrolmentRepository(db.database, createSealer({ secret_key: OLD }));
  const enrolment = row();
  await db.database.transaction((trx) => old.put(trx, enrolment, { replaces: false }));
  const sealer = createSealer({ secret_key: NEW, previous_secret_keys: [OLD] });
  expect(await resealSecrets({ ...db, sealer })).toBe(1);
  const renewed = createMfaEnrolmentRepository(db.database, createSealer({ secret_key: NEW }));
  expect((await renewed.ofUser(user_id))[0]?.secret).toEqual(enrolment.secret);
});
