// Everything of src/accounts on a database of its own, with the parts below it real.
import { createCredentials } from '../../src/accounts/credentials.ts';
import { createGroups } from '../../src/accounts/groups.ts';
import { createLocalLogins } from '../../src/accounts/local_logins.ts';
import { createMe } from '../../src/accounts/me.ts';
import { createMergeUsers } from '../../src/accounts/merge_users.ts';
import { createNewUsers } from '../../src/accounts/new_users.ts';
import { createOnboarding } from '../../src/accounts/onboarding.ts';
import { createPermissions } from '../../src/accounts/permissions.ts';
import { createProfiles } from '../../src/accounts/profiles.ts';
import { createRefreshTokens } from '../../src/accounts/refresh_tokens.ts';
import { createSignOut } from '../../src/accounts/sign_out.ts';
import { createUsers } from '../../src/accounts/users.ts';
import { createAuditEvents } from '../../src/repository/audit_events.ts';
import { createCredentialRepository as createCredentialRows } from '../../src/repository/credentials.ts';
import { createGroupRepository as createGroupRows } from '../../src/repository/groups.ts';
import { createLocalLoginRepository as createLocalLoginRows } from '../../src/repository/local_logins.ts';
import { createSessionEndRepository } from '../../src/repository/session_ends.ts';
import { createUsernames } from '../../src/repository/usernames.ts';
import { createUserRepository as createUserRows } from '../../src/repository/users.ts';
import { createPasswordHasher } from '../../src/secrets/password_hasher.ts';
import type { GrantDeps } from '../../src/tokens/grant.ts';
import { createTestClock } from './clock.ts';
import { createTestDatabase } from './database.ts';
import { freshLoginOver } from './fresh_login.ts';
import { createTokenParts, SEALER } from './grants.ts';
import { NOON } from './people.ts';

const TOTP = { id: 'totp', type: 'totp', name: 'Authenticator app', enabled: false };

export interface Differences {
  max_pending?: number;
  approvals_by?: 'owner' | 'administrators';
  minimum_password_length?: number;
  lifetimes?: Partial<GrantDeps['lifetimes']>;
}

export type Accounts = Awaited<ReturnType<typeof createAccounts>>;

/** The system groups are there; users are not. */
export async function createAccounts(differences: Differences = {}) {
  const { max_pending = 1000, approvals_by = 'owner', minimum_password_length = 8 } = differences;
  const db = await createTestDatabase();
  const { database } = db;
  const time = createTestClock(NOON);
  const { clock } = time;
  const lifetimes = { access_token: 1800, refresh_token_idle: null, refresh_token: null, ...differences.lifetimes };
  const tokens = await createTokenParts(database, { time, lifetimes });
  const audit = createAuditEvents({ database, clock, on_error: (error) => console.error(error) });
  const rows = {
    users: createUserRows(database),
    usernames: createUsernames(),
    groups: createGroupRows(database),
    credentials: createCredentialRows(database),
    localLogins: createLocalLoginRows(database),
    sessionEnds: createSessionEndRepository(database),
  };
  // As patient as a busy machine needs when 20 hash at once.
  const hasher = createPasswordHasher({ queue_limit: 1000, wait_ms: 60_000 });
  const freshLogin = freshLoginOver(database, clock);
  const base = { database, audit, clock, hasher, sealer: SEALER, freshLogin, minimum_password_length };
  const ways_in = ['homeassistant:', 'ldap:office'].map((key): [string, { name: string }] => [key, { name: key }]);
  const signOut = createSignOut({ ...base, ...rows, refreshTokens: tokens.refreshTokens });
  const credentials = createCredentials({ ...base, ...rows, signOut, providers: new Map(ways_in) });
  const groups = createGroups({ ...base, groups: rows.groups });
  await groups.reconcile([]);
  const users = createUsers({ ...base, ...rows, signOut, approvals_by });
  return {
    database,
    kysely: database.kysely,
    time,
    tokens,
    rows,
    hasher,
    credentials,
    groups,
    users,
    mergeUsers: createMergeUsers({ ...base, ...rows, approvals_by }),
    localLogins: createLocalLogins({ ...base, ...rows, signOut, unlink: credentials.unlink }),
    newUsers: createNewUsers({ ...base, ...rows, max_pending }),
    onboarding: createOnboarding({ ...base, ...rows, authorizationCodes: tokens.authorizationCodes, authorization_code_lifetime: 600 }),
    profiles: createProfiles({ ...base, ...rows }),
    permissions: createPermissions({ groups: rows.groups }),
    me: createMe({ ...rows, update: users.update, mfa: { list: async () => ({ modules: [TOTP], enrolments: [] }) } }),
    refreshTokens: createRefreshTokens({
      ...base,
      users: rows.users,
      signOut,
      freshLogin,
      refreshTokens: tokens.refreshTokens,
      issuer: tokens.issuer,
      keyring: tokens.keyring,
      lifetimes,
    }),
    /** The types of the events so far, oldest first. */
    async events(): Promise<string[]> {
      await audit.flush();
      const { items } = await audit.list({ limit: 200, cursor: null });
      return items.map(({ type }) => type).reverse();
    },
    /** Nobody is there any more, and nothing has happened. */
    async clear(): Promise<void> {
      await audit.flush();
      for (const table of ['users', 'local_logins', 'retired_usernames', 'audit_events'] as const)
        await database.kysely.deleteFrom(table).execute();
      time.set(NOON);
    },
    async close(): Promise<void> {
      await audit.close();
      await tokens.close();
      await db.close();
    },
  };
}
