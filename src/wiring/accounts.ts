// Wires accounts: providers, second factors, people, groups, and what is done to them.

import { createActivity } from '../accounts/activity.ts';
import { createConsents } from '../accounts/consents.ts';
import { createCredentials } from '../accounts/credentials.ts';
import { createGroups } from '../accounts/groups.ts';
import { createImports } from '../accounts/imports.ts';
import { createLinkTickets } from '../accounts/link_tickets.ts';
import { createLinkUser } from '../accounts/link_user.ts';
import { createLocalLogins } from '../accounts/local_logins.ts';
import { createMe } from '../accounts/me.ts';
import { createMergeUsers } from '../accounts/merge_users.ts';
import { createNewUsers } from '../accounts/new_users.ts';
import { createOnboarding } from '../accounts/onboarding.ts';
import { createPermissions } from '../accounts/permissions.ts';
import { createRevokeAll } from '../accounts/revoke_all.ts';
import { createSignOut } from '../accounts/sign_out.ts';
import { createUserSessions } from '../accounts/user_sessions.ts';
import { createUsers } from '../accounts/users.ts';
import type { Config } from '../config/load.ts';
import { createPasswordHasher } from '../secrets/password_hasher.ts';
import type { Base } from './base.ts';
import { wireMfa } from './mfa.ts';
import { wireProviders } from './providers.ts';
import { createMfaModules } from './registry.ts';

export type AccountServices = ReturnType<typeof wireAccounts>;

export function wireAccounts(base: Base) {
  const { config, database, clock, audit, repositories, sealer } = base;
  const hasher = createPasswordHasher();
  const { configured, tryProvider } = wireProviders(base, hasher);
  const { providers, factors, freshLogin, enrol, secondFactor, mfa, mfaSetup } = wireMfa({
    database,
    repositories,
    clock,
    audit,
    modules: configuredModules(base),
    providers: configured,
  });
  const minimum_password_length = minimumPasswordLength(config);
  const { authorization_code_lifetime } = config.tokens;
  const signOut = createSignOut({
    sessionEnds: repositories.sessionEnds,
    refreshTokens: repositories.refreshTokens,
    audit,
    clock,
  });
  const credentials = createCredentials({
    database,
    users: repositories.users,
    credentials: repositories.credentials,
    localLogins: repositories.localLogins,
    signOut,
    freshLogin,
    audit,
    providers,
  });
  const linkUser = createLinkUser({
    database,
    credentials: repositories.credentials,
    freshLogin,
    audit,
    providers,
    clock,
  });
  const users = createUsers({
    database,
    users: repositories.users,
    usernames: repositories.usernames,
    groups: repositories.groups,
    signOut,
    freshLogin,
    audit,
    clock,
    approvals_by: config.approvals.by,
  });
  return {
    /** The configured providers and passwordless ones. */
    providers,
    factors,
    freshLogin,
    enrol,
    secondFactor,
    mfa,
    mfaSetup,
    tryProvider,
    minimum_password_length,
    signOut,
    credentials,
    linkUser,
    users,
    userSessions: createUserSessions({
      database,
      sessions: repositories.sessions,
      users: repositories.users,
      signOut,
      clock,
      session_idle_lifetime: config.sessions.idle_lifetime,
    }),
    activity: createActivity({ audit }),
    consents: createConsents({ database, consents: repositories.consents, users: repositories.users, audit }),
    onboarding: createOnboarding({
      database,
      users: repositories.users,
      usernames: repositories.usernames,
      localLogins: repositories.localLogins,
      credentials: repositories.credentials,
      authorizationCodes: repositories.authorizationCodes,
      hasher,
      sealer,
      audit,
      clock,
      minimum_password_length,
      authorization_code_lifetime,
    }),
    mergeUsers: createMergeUsers({
      database,
      users: repositories.users,
      credentials: repositories.credentials,
      audit,
      freshLogin,
      clock,
      approvals_by: config.approvals.by,
    }),
    newUsers: createNewUsers({
      database,
      users: repositories.users,
      usernames: repositories.usernames,
      credentials: repositories.credentials,
      audit,
      clock,
      max_pending: config.approvals.max_pending,
    }),
    linkTickets: createLinkTickets({
      linkTickets: repositories.linkTickets,
      linkUser,
      credentials: repositories.credentials,
      freshLogin,
      providers,
      clock,
    }),
    localLogins: createLocalLogins({
      database,
      users: repositories.users,
      localLogins: repositories.localLogins,
      usernames: repositories.usernames,
      credentials: repositories.credentials,
      signOut,
      freshLogin,
      unlink: credentials.unlink,
      hasher,
      audit,
      clock,
      minimum_password_length,
    }),
    imports: createImports({
      database,
      imports: repositories.imports,
      users: repositories.users,
      usernames: repositories.usernames,
      localLogins: repositories.localLogins,
      credentials: repositories.credentials,
      mfaEnrolments: repositories.mfaEnrolments,
      freshLogin,
      sealer,
      audit,
      clock,
      targets: { providers: new Set(providers.keys()), mfa_modules: factors.modules },
    }),
    groups: createGroups({ database, groups: repositories.groups, audit, clock }),
    permissions: createPermissions({ groups: repositories.groups }),
    me: createMe({ credentials: repositories.credentials, users: repositories.users, update: users.update, mfa }),
    revokeAll: createRevokeAll({ database, audit, clock }),
  };
}

/** Warns about modules that cannot work at this address and are skipped. */
function configuredModules({ registry, config, public_url, log, mail }: Base) {
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
