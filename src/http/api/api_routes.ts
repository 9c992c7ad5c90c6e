// The table of the JSON API's routes, and its registration.

import type { FastifyPluginAsync } from 'fastify';
import type { Activity } from '../../accounts/activity.ts';
import type { Approvals } from '../../accounts/approvals.ts';
import type { Apps } from '../../accounts/apps.ts';
import type { Clients } from '../../accounts/clients.ts';
import type { Consents } from '../../accounts/consents.ts';
import type { Credentials } from '../../accounts/credentials.ts';
import type { Groups } from '../../accounts/groups.ts';
import type { Imports } from '../../accounts/imports.ts';
import type { LinkTickets } from '../../accounts/link_tickets.ts';
import type { LocalLogins } from '../../accounts/local_logins.ts';
import type { Me } from '../../accounts/me.ts';
import type { MergeUsers } from '../../accounts/merge_users.ts';
import type { Permissions } from '../../accounts/permissions.ts';
import type { RefreshTokens } from '../../accounts/refresh_tokens.ts';
import type { RevokeAll } from '../../accounts/revoke_all.ts';
import type { UserSessions } from '../../accounts/user_sessions.ts';
import type { Users } from '../../accounts/users.ts';
import type { ProviderTest } from '../../login/provider_test.ts';
import type { Throttle } from '../../login/throttle.ts';
import type { BearerGuard } from '../server/bearer_guard.ts';
import type { ApiRoute } from './api_route.ts';
import { approvalRoutes } from './approvals.ts';
import { appRoutes } from './apps.ts';
import { auditRoutes } from './audit.ts';
import { clientRoutes } from './clients.ts';
import { consentRoutes } from './consents.ts';
import { credentialRoutes } from './credentials.ts';
import { groupRoutes } from './groups.ts';
import { importRoutes } from './imports.ts';
import { meRoutes } from './me.ts';
import { type MfaRouteDeps, mfaRoutes } from './mfa.ts';
import { openApiRoute } from './openapi.ts';
import { permissionRoutes } from './permissions.ts';
import { providerRoutes } from './providers.ts';
import { revokeAllRoutes } from './revoke_all.ts';
import { sessionRoutes } from './sessions.ts';
import { userRoutes } from './users.ts';

export interface ApiDeps extends MfaRouteDeps {
  me: Me;
  credentials: Credentials;
  linkTickets: LinkTickets;
  public_url: string;
  users: Users;
  mergeUsers: MergeUsers;
  localLogins: LocalLogins;
  refreshTokens: RefreshTokens;
  revokeAll: RevokeAll;
  userSessions: UserSessions;
  consents: Consents;
  activity: Activity;
  groups: Groups;
  imports: Imports;
  clients: Clients;
  apps: Apps;
  approvals: Approvals;
  permissions: Permissions;
  tryProvider: ProviderTest;
  throttle: Pick<Throttle, 'attempt'>;
}

/** Every route below /api that requires a bearer token. */
export function apiRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    ...meRoutes(deps),
    ...sessionRoutes(deps.userSessions),
    ...consentRoutes(deps.consents),
    ...credentialRoutes(deps),
    ...mfaRoutes(deps),
    ...userRoutes(deps),
    ...groupRoutes(deps.groups),
    ...importRoutes(deps.imports),
    ...clientRoutes(deps),
    ...appRoutes(deps.apps),
    ...approvalRoutes(deps.approvals),
    ...auditRoutes(deps.activity),
    ...permissionRoutes(deps.permissions),
    ...revokeAllRoutes(deps.revokeAll),
    ...providerRoutes(deps.tryProvider),
  ];
}

export function apiPlugin(deps: ApiDeps, guard: BearerGuard): FastifyPluginAsync {
  return async (app) => {
    const routes = apiRoutes(deps);
    for (const route of routes) route.register(app, guard);
    await app.register(openApiRoute(routes));
  };
}
