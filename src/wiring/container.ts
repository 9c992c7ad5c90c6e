// The composition root below HTTP: builds everything once, in order, over a migrated database.
// app.ts adds the HTTP server; the CLI uses it without.
import type { FastifyBaseLogger } from 'fastify';
import { createConsents } from '../accounts/consents.ts';
import { createCredentials } from '../accounts/credentials.ts';
import { createGroups } from '../accounts/groups.ts';
import { createLinkTickets } from '../accounts/link_tickets.ts';
import { createLinkUser } from '../accounts/link_user.ts';
import { createLocalLogins } from '../accounts/local_logins.ts';
import { createMe } from '../accounts/me.ts';
import { createMergeUsers } from '../accounts/merge_users.ts';
import { createNewUsers } from '../accounts/new_users.ts';
import { createOnboarding } from '../accounts/onboarding.ts';
import { createPermissions } from '../accounts/permissions.ts';
import { createProfiles } from '../accounts/profiles.ts';
import { createRefreshTokens } from '../accounts/refresh_tokens.ts';
import { createRevokeAll } from '../accounts/revoke_all.ts';
import { createSignOut } from '../accounts/sign_out.ts';
import { createUserSessions } from '../accounts/user_sessions.ts';
import { createUsers } from '../accounts/users.ts';
import type { Config } from '../config/load.ts';
import type { AuthProviderType } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { exemptAddresses } from '../domain/network.ts';
import { createRowQuotas, type RowQuotas } from '../domain/row_quota.ts';
import type { Mailer } from '../domain/smtp_config.ts';
import { createFinish } from '../login/finish.ts';
import { createKnownDevices } from '../login/known_devices.ts';
import { createLogin } from '../login/login.ts';
import { createMfaStep } from '../login/mfa_step.ts';
import { createResolveUser } from '../login/resolve_user.ts';
import { createSessions } from '../login/session.ts';
import { createSyncGroups } from '../login/sync_groups.ts';
import { createThrottle } from '../login/throttle.ts';
import type { Database } from '../postgres/database.ts';
import { createDatabaseClock, type DatabaseClock } from '../postgres/database_clock.ts';
import { migrate } from '../postgres/migrations/migrate.ts';
import { createAuditEvents } from '../repository/audit_events.ts';
import { createJanitor } from '../repository/janitor.ts';
import { resealSecrets } from '../repository/reseal.ts';
import { checkSecretKey, hasSecretKeyCanary } from '../repository/secret_key_canary.ts';
import { createPasswordHasher } from '../secrets/password_hasher.ts';
import { createSealer, type Sealer } from '../secrets/sealer.ts';
import { readOrCreateSecretKey } from '../secrets/secret_key_file.ts';
import { wireAuthorization } from './authorization.ts';
import { wireClients } from './clients.ts';
import { wireDeviceFlow } from './device_flow.ts';
import { wireForwardAuth } from './forward_auth.ts';
import { wireLogout } from './logout.ts';
import { createMailer } from './mail.ts';
import { wireMfa } from './mfa.ts';
import { openDatabase } from './open_database.ts';
import { wireProviders } from './providers.ts';
import { createMfaModules, type Registry, readRegistry } from './registry.ts';
import { createRepositories, type Repositories } from './repositories.ts';
import { wireTokens } from './tokens.ts';

export interface AppOptions {
  config: Config;
  log: FastifyBaseLogger;
  /** Log lines lost so far. */
  lost_log_lines?: () => number;
  /** Default: the configured one. The caller closes it. */
  database?: Database;
  /** Default: the database's time. */
  clock?: Clock;
  /** Provider types that are not in the folder. */
  extra_provider_types?: readonly AuthProviderType[];
  /** Whether to join a running embedded PostgreSQL. */
  join?: boolean;
  /** Whether to create an embedded PostgreSQL if there is none; default: true. */
  create?: boolean;
}

export type Container = Awaited<ReturnType<typeof createContainer>>;

/** Cleanup functions, run in reverse order regardless of failures. */
function createClosers() {
  const closers: (() => unknown)[] = [];
  async function close(): Promise<void> {
    const closer = closers.pop();
    if (!closer) return;
    try {
      await closer();
    } finally {
      await close();
    }
  }
  return { add: (closer: () => unknown) => void closers.push(closer), close };
}

type Closers = ReturnType<typeof createClosers>;

/** Builds everything below HTTP, over a migrated database whose secrets the key opens. */
export async function createContainer(options: AppOptions) {
  const closers = createClosers();
  try {
    return await build(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function build(options: AppOptions, closers: Closers) {
  const { config, log, extra_provider_types, join = false, create = true } = options;
  const registry = await readRegistry(extra_provider_types);
  const on_error = (err: unknown) => log.error({ err }, 'in the background');
  const { database, gone, close } = options.database
    ? { database: options.database, gone: new Promise<void>(() => {}), close: () => {} }
    : await openDatabase(config, { log, join, create, on_error });
  closers.add(close);
  const { applied } = await migrate(database, { log: (line) => log.info(line) });
  const { clock, settling } = options.clock ? { clock: options.clock, settling: () => undefined } : await startClock(database, closers);
  const readSecretKey = () => readOrCreateSecretKey(config.data_dir, () => hasSecretKeyCanary(database));
  const sealer = createSealer({ ...config, secret_key: config.secret_key ?? (await readSecretKey()) });
  await checkSecretKey(database, sealer);
  const public_url = config.public_url ?? `http://localhost:${config.listen.port}`;
  const audit = createAuditEvents({ database, clock, on_error });
  closers.add(() => audit.close().catch(on_error));
  const mail = createMailer(config.mail);
  const rowQuotas = createRowQuotas(config.http);
  const base = {
    config,
    log,
    database,
    clock,
    sealer,
    audit,
    public_url,
    registry,
    mail,
    rowQuotas,
    repositories: createRepositories(database, sealer),
  };
  const accounts = createAccounts(base);
  // A command with another configuration than the server's must not disable groups.
  if (!join) await accounts.groups.reconcile(config.groups);
  const clients = wireClients({ ...base, freshLogin: accounts.freshLogin });
  if (!join) await clients.clients.reconcile(config.clients);
  const tokens = await wireTokens({ ...base, ...base.repositories, ...accounts, ...clients }, closers);
  const device = wireDeviceFlow({ ...base, ...clients, ...tokens });
  const authorizing = wireAuthorization({ ...base, ...base.repositories, ...clients, ...tokens, ...device });
  const logout = wireLogout({ ...base, ...base.repositories, ...clients, ...tokens }, closers);
  const login = wireLogin({ ...base, ...clients, ...logout }, accounts);
  const forward = wireForwardAuth({ ...base, ...tokens });
  const janitor = createJanitor({
    database,
    clock,
    audit,
    on_error,
    pending_lifetime: config.approvals.expire_after,
    audit_retention: config.audit.retention,
    failure_lifetime: config.http.ip_ban_duration,
  });
  closers.add(() => janitor.close());
  const refreshTokens = createRefreshTokens({ ...accounts, ...base.repositories, ...base, ...tokens });
  return {
    ...base,
    ...accounts,
    ...clients,
    ...tokens,
    ...device,
    ...authorizing,
    ...login,
    ...forward,
    ...logout,
    refreshTokens,
    revokeAll: createRevokeAll(base),
    janitor,
    settleClock: settling,
    applied_migrations: applied,
    /** Resolves if the embedded database ends unexpectedly. */
    database_gone: gone,
    resealSecrets: () => resealSecrets({ database, sealer }),
    /** Writes pending data, then closes everything. Idempotent. */
    close: closers.close,
  };
}

/** The base dependencies. */
interface BaseDeps {
  config: Config;
  log: FastifyBaseLogger;
  database: Database;
  clock: Clock;
  sealer: Sealer;
  audit: ReturnType<typeof createAuditEvents>;
  public_url: string;
  registry: Registry;
  mail: Mailer;
  rowQuotas: RowQuotas;
  repositories: Repositories;
}

function createAccounts(base: BaseDeps) {
  const { config, repositories } = base;
  const hasher = createPasswordHasher();
  const { configured, tryProvider } = wireProviders({ ...base, ...repositories, hasher });
  const modules = createConfiguredModules(base);
  const mfa = wireMfa({ ...base, ...repositories, providers: configured, modules });
  const { authorization_code_lifetime } = config.tokens;
  const minimum_password_length = minimumPasswordLength(config);
  const deps = { ...base, ...repositories, hasher, minimum_password_length, authorization_code_lifetime };
  const { providers, freshLogin } = mfa;
  const signOut = createSignOut(deps);
  const credentials = createCredentials({ ...deps, providers, signOut, freshLogin });
  const linkUser = createLinkUser({ ...deps, providers, freshLogin });
  const users = createUsers({ ...deps, signOut, freshLogin, approvals_by: config.approvals.by });
  return {
    ...mfa,
    credentials,
    signOut,
    userSessions: createUserSessions({ ...deps, signOut, session_idle_lifetime: config.sessions.idle_lifetime }),
    consents: createConsents(deps),
    minimum_password_length,
    onboarding: createOnboarding(deps),
    users,
    mergeUsers: createMergeUsers({ ...deps, freshLogin, approvals_by: config.approvals.by }),
    newUsers: createNewUsers({ ...deps, max_pending: config.approvals.max_pending }),
    tryProvider,
    linkUser,
    linkTickets: createLinkTickets({ ...deps, providers, freshLogin, linkUser }),
    localLogins: createLocalLogins({ ...deps, signOut, freshLogin, unlink: credentials.unlink }),
    groups: createGroups(deps),
    permissions: createPermissions(repositories),
    me: createMe({ ...repositories, update: users.update, mfa: mfa.mfa }),
  };
}

/** Warns about modules that cannot work at this address and are skipped. */
function createConfiguredModules({ registry, config, public_url, log, mail }: BaseDeps) {
  const modules = createMfaModules(registry, config.auth_mfa_modules, { public_url, mail });
  for (const { id } of config.auth_mfa_modules)
    if (!modules.some((module) => module.id === id)) log.warn(`The second factor ${id} cannot work at ${public_url} and is skipped`);
  return modules;
}

/** The local provider's setting; without that provider no passwords are set. */
function minimumPasswordLength({ auth_providers }: Config): number {
  const length = auth_providers.find(({ type }) => type === 'homeassistant')?.minimum_password_length;
  return typeof length === 'number' ? length : 8;
}

function wireLogin(
  base: BaseDeps &
    Pick<ReturnType<typeof wireClients>, 'clientPages' | 'clientDirectory'> &
    Pick<ReturnType<typeof wireLogout>, 'endSession'>,
  accounts: ReturnType<typeof createAccounts>,
) {
  const { config, clock, audit, public_url, repositories, sealer, clientPages, clientDirectory } = base;
  const { providers, credentials, newUsers } = accounts;
  const { login_attempts_threshold, ip_ban_enabled, ip_ban_duration, trusted_proxies } = config.http;
  const throttle = createThrottle({
    failedLogins: repositories.failedLogins,
    ipBans: repositories.ipBans,
    clock,
    audit,
    threshold: ip_ban_enabled ? login_attempts_threshold : -1,
    ban_duration: ip_ban_duration,
    trusted_proxies,
  });
  const resolveUser = createResolveUser({
    credentials,
    users: repositories.users,
    newUsers,
    syncGroups: createSyncGroups({ ...base, ...repositories }),
    profiles: createProfiles({ ...base, ...repositories }),
    clock,
  });
  const { authorization_code_lifetime } = config.tokens;
  const code_issuing = { authorization_code_lifetime, public_url };
  const finish = createFinish({ ...repositories, resolveUser, clientPages, clientDirectory, clock, audit, ...code_issuing });
  const mfaStep = createMfaStep({ ...accounts, resolveUser, sealer, clock });
  const knownDevices = createKnownDevices({ deviceCookies: repositories.deviceCookies, clock });
  const callback_url = `${public_url}/auth/callback`;
  return {
    throttle,
    knownDevices,
    login: createLogin({
      ...base,
      isSharedAddress: exemptAddresses(trusted_proxies),
      providers,
      loginFlows: repositories.loginFlows,
      finish,
      mfaStep,
      throttle,
      knownDevices,
      callback_url,
    }),
    sessions: createSessions({
      ...base,
      sessions: repositories.sessions,
      idle: config.sessions.idle_lifetime,
      lifetime: config.sessions.lifetime,
    }),
  };
}

async function startClock(database: Database, closers: Closers): Promise<Pick<DatabaseClock, 'clock' | 'settling'>> {
  const started = await createDatabaseClock({ database, wall: Date.now, monotonic: () => performance.now() });
  closers.add(started.close);
  return started;
}
