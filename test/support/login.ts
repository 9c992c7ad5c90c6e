// The login engine with everything below it on a real database, with a clock that stands still.

import { createCredentials } from '../../src/accounts/credentials.ts';
import { createNewUsers } from '../../src/accounts/new_users.ts';
import { createProfiles } from '../../src/accounts/profiles.ts';
import { createSignOut } from '../../src/accounts/sign_out.ts';
import type { AuditEvent } from '../../src/domain/audit_event.ts';
import { type AuthProvider, type CommonProviderConfig, type ProviderDeps, providerKeyText } from '../../src/domain/auth_provider.ts';
import type { MfaModule } from '../../src/domain/mfa_module.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { User } from '../../src/domain/user.ts';
import { createFinish } from '../../src/login/finish.ts';
import { createKnownDevices } from '../../src/login/known_devices.ts';
import { createLogin } from '../../src/login/login.ts';
import { createMfaStep } from '../../src/login/mfa_step.ts';
import { createResolveUser } from '../../src/login/resolve_user.ts';
import { createSyncGroups } from '../../src/login/sync_groups.ts';
import { createThrottle } from '../../src/login/throttle.ts';
import { createClientPages } from '../../src/oauth/client_page.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createAuditEvents } from '../../src/repository/audit_events.ts';
import { createAuthorizationCodeRepository } from '../../src/repository/authorization_codes.ts';
import { createCredentialRepository as createCredentialRows } from '../../src/repository/credentials.ts';
import { createDeviceCookies } from '../../src/repository/device_cookies.ts';
import { createFailedLoginRepository } from '../../src/repository/failed_logins.ts';
import { createFinishedLoginRepository } from '../../src/repository/finish_login.ts';
import { createGroupRepository } from '../../src/repository/groups.ts';
import { createIpBanRepository } from '../../src/repository/ip_bans.ts';
import { createLocalLoginRepository } from '../../src/repository/local_logins.ts';
import { createLoginFlowRepository } from '../../src/repository/login_flows.ts';
import { createLoginPersonRepository } from '../../src/repository/login_person.ts';
import { createRefreshTokenRepository } from '../../src/repository/refresh_tokens.ts';
import { createRepositories } from '../../src/repository/repositories.ts';
import { createSessionEndRepository } from '../../src/repository/session_ends.ts';
import { createUsernames } from '../../src/repository/usernames.ts';
import { createUserRepository } from '../../src/repository/users.ts';
import { wireMfa } from '../../src/wiring/mfa.ts';
import { createTestClock } from './clock.ts';
import { freshLoginOver } from './fresh_login.ts';
import { newClient, SEALER } from './grants.ts';
import { provider as insecureExample } from './insecure_example.ts';
import { NO_PROXIES } from './row_quota.ts';

export const APP = 'https://example.com/app';
export const CALLBACK = 'https://example.com/app/callback';
export const ABROAD = '198.51.100.7';

export type LoginParts = ReturnType<typeof createLoginParts>;

interface Options {
  time?: ReturnType<typeof createTestClock>;
  /** Beside the example provider with test-user, known-user and their passwords. */
  providers?: AuthProvider[];
  example?: Partial<CommonProviderConfig>;
  allow_private_addresses?: boolean;
  mfa_modules?: MfaModule[];
}

/** One call for each replica. */
export function createLoginParts(database: Database, options: Options = {}) {
  const { time = createTestClock(), example = {}, allow_private_addresses = true } = options;
  const { clock } = time;
  const events: AuditEvent[] = [];
  const audit = { record: (event: AuditEvent) => void events.push(event) };
  const auditEvents = createAuditEvents({ database, clock, on_error: () => {} });
  const users = createUserRepository(database);
  const rows = createCredentialRows(database);
  const localLogins = createLocalLoginRepository(database);
  const credentials = createCredentials({
    database,
    users,
    credentials: rows,
    localLogins,
    signOut: createSignOut({
      sessionEnds: createSessionEndRepository(database),
      refreshTokens: createRefreshTokenRepository(database),
      audit: auditEvents,
      clock,
    }),
    freshLogin: freshLoginOver(database, clock),
    audit: auditEvents,
    providers: new Map(),
  });
  const usernames = createUsernames();
  const newUsers = createNewUsers({ database, users, usernames, credentials: rows, audit: auditEvents, clock, max_pending: 100 });
  const loginFlows = createLoginFlowRepository(database);
  const syncGroups = createSyncGroups({ database, groups: createGroupRepository(database), audit: auditEvents });
  const profiles = createProfiles({ database, users, usernames, audit: auditEvents, clock });
  const resolveUser = createResolveUser({
    credentials,
    loginPerson: createLoginPersonRepository(database, SEALER),
    newUsers,
    syncGroups,
    profiles,
    clock,
  });
  const finish = createFinish({
    resolveUser,
    clientPages: createClientPages({ allow_private_addresses, clock, bucket_ms: 1 }),
    clientDirectory: {
      admissionOfUrl: async () => 'admitted',
      urlClient: (client_id) => newClient({ client_id, kind: 'url', trusted: false }),
      whyWithoutDocument: () => undefined,
    },
    loginFlows,
    finishLogin: createFinishedLoginRepository(database),
    authorizationCodes: createAuthorizationCodeRepository(database),
    clock,
    audit,
    authorization_code_lifetime: 600,
    public_url: 'https://auth.example.com',
  });
  const limits = { threshold: 10, ban_duration: 3600, trusted_proxies: [] };
  const throttle = createThrottle({
    failedLogins: createFailedLoginRepository(database),
    ipBans: createIpBanRepository(database),
    clock,
    audit,
    ...limits,
  });
  const all = [exampleProvider(example), ...(options.providers ?? [])];
  const configured = new Map(all.map((provider) => [providerKeyText(provider), provider]));
  const tellAudit = { record: audit.record, insert: auditEvents.insert };
  const ground = { database, repositories: createRepositories(database, SEALER), clock, audit: tellAudit };
  const mfa = wireMfa({ ...ground, modules: options.mfa_modules ?? [], providers: configured });
  const { providers } = mfa;
  const mfaStep = createMfaStep({ ...mfa, resolveUser, sealer: SEALER, clock });
  const knownDevices = createKnownDevices({ deviceCookies: createDeviceCookies(database), clock });
  const login = createLogin({
    providers,
    loginFlows,
    rowQuotas: NO_PROXIES,
    finish,
    mfaStep,
    throttle,
    knownDevices,
    clock,
    audit,
    callback_url: 'https://auth.example.com/callback',
    public_url: 'https://auth.example.com',
    isSharedAddress: () => false,
  });
  return { ...mfa, login, throttle, resolveUser, credentials: rows, users, time, clock, events, providers, database };
}

function exampleProvider(differs: Partial<CommonProviderConfig>): AuthProvider {
  const common = {
    type: 'insecure_example',
    new_users: 'activate' as const,
    default_groups: ['system-users'],
    require_mfa: false,
    ...differs,
  };
  const users = ['test-user', 'known-user', 'other-user'].map((username) => ({
    username,
    password: 'test-pass',
    name: `Name of ${username}`,
  }));
  // It needs nothing from us.
  return insecureExample.create({ ...common, users }, {} as ProviderDeps);
}

/** A user with a login at the example provider, unless another key is named. */
export async function addUser(database: Database, subject: string, differs: Partial<User> = {}, type = 'insecure_example') {
  const user = { id: randomId(), name: subject, is_active: true, created_at: new Date('2026-01-01T00:00:00Z'), ...differs };
  await database.kysely.insertInto('users').values(user).execute();
  const key = { auth_provider_type: type, auth_provider_id: null };
  const credential = { id: randomId(), user_id: user.id, ...key, subject, data: '{}', created_at: user.created_at };
  await database.kysely.insertInto('credentials').values(credential).execute();
  return { user_id: user.id, credential_id: credential.id };
}
