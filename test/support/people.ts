// Users and their logins as rows, for tests that need some to be there.
import { addSeconds } from '../../src/domain/clock.ts';
import { LOCAL_PROVIDER } from '../../src/domain/local_provider.ts';
import { SYSTEM_POLICIES } from '../../src/domain/policy.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import type { Database } from '../../src/postgres/database.ts';
import type { Credential } from '../../src/repository/credentials.ts';

export const NOON = new Date('2026-03-14T12:00:00.000Z');

/** An active person unless said otherwise. */
export function person(differences: Partial<User> = {}): User {
  return {
    id: randomId(),
    name: 'Paulus',
    is_owner: false,
    is_active: true,
    is_pending: false,
    system_generated: false,
    local_only: false,
    created_at: NOON,
    ...differences,
  };
}

export function localCredential(user_id: string, username: string): Credential {
  return { id: randomId(), user_id, ...LOCAL_PROVIDER, subject: username, data: { username }, created_at: NOON };
}

export async function addSystemGroups({ kysely }: Pick<Database, 'kysely'>): Promise<void> {
  const groups = Object.entries(SYSTEM_POLICIES).map(([id, policy]) => ({
    id,
    name: id,
    policy: JSON.stringify(policy),
    system_generated: true,
    managed_by: 'system' as const,
    created_at: NOON,
  }));
  await kysely.insertInto('groups').values(groups).execute();
}

/** Puts a user there, with groups, and with a login of that name whose password hash is `hash of USERNAME`. */
export async function addPerson(
  { kysely }: Pick<Database, 'kysely'>,
  { group_ids = [], username, ...differences }: Partial<User> & { group_ids?: string[]; username?: string } = {},
): Promise<User> {
  const user = person(differences);
  await kysely.insertInto('users').values(user).execute();
  for (const group_id of group_ids) await kysely.insertInto('user_groups').values({ user_id: user.id, group_id }).execute();
  if (username !== undefined) {
    const { data, ...credential } = localCredential(user.id, username);
    await kysely
      .insertInto('credentials')
      .values({ ...credential, data: JSON.stringify(data) })
      .execute();
    await kysely
      .insertInto('local_logins')
      .values({ username, password_hash: `hash of ${username}`, created_at: NOON, changed_at: NOON })
      .execute();
  }
  return user;
}

/** The n-th second after noon. */
export function later(seconds: number): Date {
  return addSeconds(NOON, seconds);
}
