// The composition root below HTTP: builds everything once, in order, over a migrated database.
// app.ts adds the HTTP server; the CLI uses it without.

import { createRefreshTokens } from '../accounts/refresh_tokens.ts';
import { createJanitor } from '../repository/janitor.ts';
import { resealSecrets } from '../repository/reseal.ts';
import { wireAccounts } from './accounts.ts';
import { wireAuthorization } from './authorization.ts';
import { type BaseOptions, createBase } from './base.ts';
import { wireClients } from './clients.ts';
import { type Closers, createClosers } from './closers.ts';
import { wireDeviceFlow } from './device_flow.ts';
import { wireForwardAuth } from './forward_auth.ts';
import { wireLogin } from './login.ts';
import { wireLogout } from './logout.ts';
import { wireTokens } from './tokens.ts';

export interface AppOptions extends BaseOptions {
  /** Log lines lost so far. */
  lost_log_lines?: () => number;
}

export type Container = Awaited<ReturnType<typeof createContainer>>;

/** Builds everything below HTTP, over a migrated database whose secrets the key opens. */
export async function createContainer(options: BaseOptions) {
  const closers = createClosers();
  try {
    return await build(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function build(options: BaseOptions, closers: Closers) {
  const base = await createBase(options, closers);
  const { config, database, clock, audit, sealer, on_error } = base;
  const accounts = wireAccounts(base);
  const clients = wireClients(base, accounts);
  // A command with another configuration than the server's must not change groups and clients.
  if (!options.join) {
    await accounts.groups.reconcile(config.groups);
    await clients.clients.reconcile(config.clients);
  }
  const tokens = await wireTokens(base, accounts, clients, closers);
  const device = wireDeviceFlow(base, clients);
  const authorization = wireAuthorization(base, clients, tokens, device);
  const logout = wireLogout(base, clients, tokens, closers);
  const login = wireLogin(base, accounts, clients, logout);
  const { forwardAuth } = wireForwardAuth(base, tokens);
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
  const refreshTokens = createRefreshTokens({
    database,
    refreshTokens: base.repositories.refreshTokens,
    users: base.repositories.users,
    signOut: accounts.signOut,
    freshLogin: accounts.freshLogin,
    issuer: tokens.issuer,
    keyring: tokens.keyring,
    audit,
    clock,
    lifetimes: tokens.lifetimes,
  });
  return {
    config,
    log: base.log,
    database,
    clock,
    sealer,
    audit,
    public_url: base.public_url,
    registry: base.registry,
    repositories: base.repositories,
    applied_migrations: base.applied_migrations,
    settleClock: base.settleClock,
    database_gone: base.database_gone,
    providers: accounts.providers,
    mfa: accounts.mfa,
    mfaSetup: accounts.mfaSetup,
    tryProvider: accounts.tryProvider,
    minimum_password_length: accounts.minimum_password_length,
    credentials: accounts.credentials,
    linkUser: accounts.linkUser,
    users: accounts.users,
    userSessions: accounts.userSessions,
    consents: accounts.consents,
    activity: accounts.activity,
    onboarding: accounts.onboarding,
    mergeUsers: accounts.mergeUsers,
    linkTickets: accounts.linkTickets,
    localLogins: accounts.localLogins,
    groups: accounts.groups,
    imports: accounts.imports,
    permissions: accounts.permissions,
    me: accounts.me,
    revokeAll: accounts.revokeAll,
    freshLogin: accounts.freshLogin,
    clientPages: clients.clientPages,
    clientDirectory: clients.clientDirectory,
    clientAuthentication: clients.clientAuthentication,
    clients: clients.clients,
    apps: clients.apps,
    registration: clients.registration,
    approvals: clients.approvals,
    accessTokens: tokens.accessTokens,
    importedTokens: tokens.importedTokens,
    grants: tokens.grants,
    issuer: tokens.issuer,
    keyring: tokens.keyring,
    lastUsed: tokens.lastUsed,
    revocation: tokens.revocation,
    dpop: tokens.dpop,
    introspection: tokens.introspection,
    userinfo: tokens.userinfo,
    bearer: tokens.bearer,
    admissions: tokens.admissions,
    tokenEndpoint: tokens.tokenEndpoint,
    loginMarker: device.loginMarker,
    deviceAuthorization: device.deviceAuthorization,
    deviceApproval: device.deviceApproval,
    par: authorization.par,
    authorize: authorization.authorize,
    backchannelLogout: logout.backchannelLogout,
    endSession: logout.endSession,
    throttle: login.throttle,
    knownDevices: login.knownDevices,
    sessions: login.sessions,
    login: login.login,
    forwardAuth,
    refreshTokens,
    janitor,
    resealSecrets: () => resealSecrets({ database, sealer }),
    /** Writes pending data, then closes everything. Idempotent. */
    close: closers.close,
  };
}
