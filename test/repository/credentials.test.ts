import { beforeAll, beforeEach, expect, test } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import { type CredentialRepository, createCredentialRepository } from '../../src/repository/credentials.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { addPerson, addSystemGroups, localCredential, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let credentials: CredentialRepository;
const kysely = () => test_database.database.kysely;
const OFFICE = { auth_provider_type: 'ldap', auth_provider_id: 'office' };
const office = (user_id: string, subject: string) => ({ id: randomId(), user_id, ...OFFICE, subject, data: {}, created_at: NOON });

const test_database = perFile(() => createTestDatabase());
beforeAll(async () => {
  credentials = createCredentialRepository(test_database.database);
  await addSystemGroups(test_database.database);
});
beforeEach(() => kysely().deleteFrom('users').execute());

test('an identity is found at its own provider only', async () => {
  const { id } = await addPerson(test_database.database);
  const credential = office(id, 'alice');
  expect(await credentials.insert(kysely(), credential)).toBe(true);
  expect(await credentials.findIdentity(OFFICE, 'alice')).toEqual(credential);
  expect(await credentials.findIdentity({ ...OFFICE, auth_provider_id: 'home' }, 'alice')).toBeUndefined();
  expect(await credentials.findIdentity({ ...OFFICE, auth_provider_id: null }, 'alice')).toBeUndefined();
  expect(await credentials.ofUserAt(id, OFFICE)).toEqual(credential);
  expect(await credentials.ofUser(id)).toEqual([credential]);
});

test('of 20 parallel logins of one provider a user gets one', async () => {
  const { id } = await addPerson(test_database.database);
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => credentials.insert(kysely(), localCredential(id, `name ${n}`))));
  expect(outcomes.filter(Boolean)).toHaveLength(1);
});

test('of 20 users who claim one identity in parallel one gets it', async () => {
  const people = await Promise.all(Array.from({ length: 20 }, () => addPerson(test_database.database)));
  const outcomes = await Promise.all(people.map(({ id }) => credentials.insert(kysely(), office(id, 'alice'))));
  expect(outcomes.filter(Boolean)).toHaveLength(1);
});

test('20 parallel first logins of one identity make one user, with the groups that exist', async () => {
  const newPerson = { name: 'Alice', is_active: false, is_pending: true, local_only: false };
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () =>
      credentials.insertWithUser(kysely(), office(randomId(), 'alice'), newPerson, ['system-users', 'unknown']),
    ),
  );
  expect(outcomes.filter(Boolean)).toHaveLength(1);
  const [user, ...others] = await kysely().selectFrom('users').selectAll().execute();
  expect(others).toEqual([]);
  expect(user).toMatchObject({ ...newPerson, is_owner: false, system_generated: false, created_at: NOON });
  expect((await credentials.findIdentity(OFFICE, 'alice'))?.user_id).toBe(user?.id);
  expect(await kysely().selectFrom('user_groups').select('group_id').execute()).toEqual([{ group_id: 'system-users' }]);
});
