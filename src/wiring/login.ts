// Wires the login: throttling, the steps of a login flow, and browser sessions.

import { createProfiles } from '../accounts/profiles.ts';
import { exemptAddresses } from '../domain/network.ts';
import { createFinish } from '../login/finish.ts';
import { createKnownDevices } from '../login/known_devices.ts';
import { createLogin } from '../login/login.ts';
import { createMfaStep } from '../login/mfa_step.ts';
import { createResolveUser } from '../login/resolve_user.ts';
import { createSessions } from '../login/session.ts';
import { createSyncGroups } from '../login/sync_groups.ts';
import { createThrottle } from '../login/throttle.ts';
import type { AccountServices } from './accounts.ts';
import type { Base } from './base.ts';
import type { ClientServices } from './clients.ts';
import type { LogoutServices } from './logout.ts';

export function wireLogin(base: Base, accounts: AccountServices, clients: ClientServices, { endSession }: LogoutServices) {
  const { config, clock, audit, public_url, repositories, sealer, database, rowQuotas } = base;
  const { providers, credentials, newUsers } = accounts;
  const { clientPages, clientDirectory } = clients;
  const { login_attempts_threshold, ip_ban_enabled, ip_ban_duration, trusted_proxies } = config.http;
  const { authorization_code_lifetime } = config.tokens;
  const throttle = createThrottle({
    failedLogins: repositories.failedLogins,
    ipBans: repositories.ipBans,
    clock,
    audit,
    threshold: ip_ban_enabled ? login_attempts_threshold : -1,
    ban_duration: ip_ban_duration,
    trusted_proxies,
  });
  const syncGroups = createSyncGroups({ database, groups: repositories.groups, audit });
  const profiles = createProfiles({
    database,
    users: repositories.users,
    usernames: repositories.usernames,
    audit,
    clock,
  });
  const resolveUser = createResolveUser({ credentials, loginPerson: repositories.loginPerson, newUsers, syncGroups, profiles, clock });
  const finish = createFinish({
    resolveUser,
    clientPages,
    clientDirectory,
    loginFlows: repositories.loginFlows,
    finishLogin: repositories.finishLogin,
    authorizationCodes: repositories.authorizationCodes,
    clock,
    audit,
    authorization_code_lifetime,
    public_url,
  });
  const mfaStep = createMfaStep({
    factors: accounts.factors,
    secondFactor: accounts.secondFactor,
    enrol: accounts.enrol,
    resolveUser,
    sealer,
    clock,
  });
  const knownDevices = createKnownDevices({ deviceCookies: repositories.deviceCookies, clock });
  const sessions = createSessions({
    sessions: repositories.sessions,
    endSession,
    clock,
    idle: config.sessions.idle_lifetime,
    lifetime: config.sessions.lifetime,
  });
  const login = createLogin({
    providers,
    loginFlows: repositories.loginFlows,
    rowQuotas,
    finish,
    mfaStep,
    throttle,
    knownDevices,
    clock,
    audit,
    callback_url: `${public_url}/auth/callback`,
    public_url,
    isSharedAddress: exemptAddresses(trusted_proxies),
  });
  return { throttle, knownDevices, sessions, login };
}
