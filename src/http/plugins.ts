// Every route and page of the server, built from the parts below. The one list of what there is.

import type { FastifyPluginAsync, FastifyRequest, onResponseHookHandler } from 'fastify';
import type { LinkUser } from '../accounts/link_user.ts';
import type { LocalLogins } from '../accounts/local_logins.ts';
import type { Onboarding } from '../accounts/onboarding.ts';
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { AuthProvider } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import type { ForwardAuth } from '../login/forward_auth.ts';
import type { KnownDevices } from '../login/known_devices.ts';
import type { Login } from '../login/login.ts';
import type { Sessions } from '../login/session.ts';
import type { Authorize } from '../oauth/authorize.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import type { ClientPages } from '../oauth/client_page.ts';
import type { DeviceApproval } from '../oauth/device_approval.ts';
import type { DeviceAuthorization } from '../oauth/device_authorization.ts';
import type { EndSession } from '../oauth/end_session.ts';
import type { Introspection } from '../oauth/introspection.ts';
import type { LoginMarker } from '../oauth/login_marker.ts';
import type { ServerFacts } from '../oauth/metadata.ts';
import type { Registration } from '../oauth/registration.ts';
import type { Revocation } from '../oauth/revocation.ts';
import type { TokenEndpoint } from '../oauth/token_endpoint.ts';
import type { Userinfo } from '../oauth/userinfo.ts';
import type { Database } from '../repository/database.ts';
import type { Sealer } from '../repository/seal.ts';
import type { UserFactsRows } from '../repository/user_facts.ts';
import type { Admissions } from '../tokens/admission.ts';
import type { Bearer } from '../tokens/bearer.ts';
import type { Keyring } from '../tokens/keyring.ts';
import { type ApiParts, apiPlugin } from './api/api_routes.ts';
import { loadAssets } from './assets.ts';
import { createBrowserSessions } from './browser_session.ts';
import { createCookies } from './cookies.ts';
import { createCsrf } from './csrf.ts';
import type { RenderErrorPage } from './errors.ts';
import { createGuard } from './guard.ts';
import { createHostRule } from './host_rule.ts';
import { createMetrics, metricsRoute } from './metrics.ts';
import { createErrorPage } from './page.ts';
import { LANGUAGE_TAGS } from './pages/language.ts';
import { accountLinkRoute } from './routes/account_link.ts';
import { accountSecurityRoute } from './routes/account_security.ts';
import { accountSessionsRoute } from './routes/account_sessions.ts';
import { apiRootRoute } from './routes/api.ts';
import { assetsRoute } from './routes/assets.ts';
import { authorizeRoute } from './routes/authorize.ts';
import { callbackRoute } from './routes/callback.ts';
import { deviceRoute } from './routes/device.ts';
import { deviceAuthorizationRoute } from './routes/device_authorization.ts';
import { endSessionRoute } from './routes/end_session.ts';
import { forwardRoute } from './routes/forward.ts';
import { healthRoute } from './routes/health.ts';
import { homeRoute } from './routes/home.ts';
import { hostSessionRoute } from './routes/host_session.ts';
import { introspectRoute } from './routes/introspect.ts';
import { linkUserRoute } from './routes/link_user.ts';
import { loginRoute } from './routes/login.ts';
import { loginFlowRoute } from './routes/login_flow.ts';
import { onboardingRoute } from './routes/onboarding.ts';
import { onboardingPageRoute } from './routes/onboarding_page.ts';
import { type ParParts, parRoute } from './routes/par.ts';
import { providersRoute } from './routes/providers.ts';
import { registerRoute } from './routes/register.ts';
import { revokeRoute } from './routes/revoke.ts';
import { tokenRoute } from './routes/token.ts';
import { userinfoRoute } from './routes/userinfo.ts';
import { verifyRoute } from './routes/verify.ts';
import { wellKnownRoute } from './routes/well_known.ts';

export interface HttpParts extends Omit<ApiParts, 'approvals_by'>, ParParts {
  authorize: Authorize;
  clientDirectory: ClientDirectory;
  audit: Audit;
  config: Pick<Config, 'http' | 'metrics' | 'approvals' | 'url_clients' | 'scopes'>;
  public_url: string;
  clock: Clock;
  database: Pick<Database, 'ping' | 'poolCounters'>;
  sealer: Pick<Sealer, 'subKey'>;
  keyring: Keyring;
  bearer: Bearer;
  grants: ReadonlyMap<string, unknown>;
  providers: ReadonlyMap<string, AuthProvider>;
  admissions: Admissions;
  tokenEndpoint: TokenEndpoint;
  revocation: Revocation;
  /** Null: apps may not register themselves. */
  registration: Registration | null;
  introspection: Introspection;
  userinfo: Userinfo;
  userFacts: UserFactsRows;
  forwardAuth: ForwardAuth;
  deviceAuthorization: DeviceAuthorization;
  deviceApproval: DeviceApproval;
  loginMarker: LoginMarker;
  login: Login;
  sessions: Sessions;
  knownDevices: KnownDevices;
  endSession: EndSession;
  clientPages: ClientPages;
  onboarding: Onboarding;
  localLogins: LocalLogins;
  linkUser: LinkUser;
  minimum_password_length: number;
  lost_log_lines(): number;
  isDraining(): boolean;
}

export interface Plugins {
  plugins: FastifyPluginAsync[];
  /** What is served where metrics have an address of their own; empty where they are off. */
  metricsRoutes: FastifyPluginAsync[];
  observe: onResponseHookHandler;
  renderErrorPage: RenderErrorPage;
  isOwnersBrowser(request: FastifyRequest): Promise<boolean>;
}

export function createPlugins(parts: HttpParts): Plugins {
  const { config, public_url, sessions } = parts;
  const cookies = createCookies(public_url);
  const guard = createGuard(parts);
  const assets = loadAssets();
  const hostRule = createHostRule({ ...parts, allowed_hosts: config.http.allowed_hosts });
  const pages = {
    ...parts,
    hostRule,
    ...parts.clientPages,
    cookies,
    csrf: createCsrf({ ...parts, cookies }),
    assets,
    browserSessions: createBrowserSessions({ sessions, cookies }),
    scopes: config.scopes,
  };
  const rules = { public_url, allowed: config.http.cors_allowed_origins };
  const facts = serverFacts(parts);
  const metrics = createMetrics({ ...parts.database, lost_log_lines: parts.lost_log_lines });
  const metricsRoutes = config.metrics.enabled ? [metricsRoute(metrics, config.metrics.token)] : [];
  const ready = { ping: parts.database.ping, isDraining: parts.isDraining };
  return {
    plugins: [
      healthRoute(ready),
      ...(config.metrics.listen ? [] : metricsRoutes),
      wellKnownRoute({ ...parts, facts }),
      tokenRoute({ ...parts, hostRule }),
      parRoute(parts),
      deviceAuthorizationRoute(parts),
      revokeRoute(parts.revocation),
      introspectRoute(parts.introspection),
      userinfoRoute(parts),
      verifyRoute(pages, config.http.trusted_proxies),
      forwardRoute(pages, config.http.trusted_proxies),
      hostSessionRoute(pages, config.http.trusted_proxies),
      ...(parts.registration ? [registerRoute(parts.registration)] : []),
      providersRoute({ ...parts, hostRule }),
      loginFlowRoute(parts, rules, hostRule),
      linkUserRoute(parts, guard),
      onboardingRoute(parts.onboarding, rules),
      apiRootRoute(guard),
      apiPlugin({ ...parts, approvals_by: config.approvals.by }, guard),
      homeRoute(pages),
      authorizeRoute(pages),
      callbackRoute(pages),
      onboardingPageRoute(pages),
      accountLinkRoute(pages),
      accountSecurityRoute(pages),
      accountSessionsRoute(pages),
      deviceRoute(pages),
      loginRoute(pages),
      endSessionRoute(pages),
      assetsRoute(pages),
    ],
    metricsRoutes,
    observe: metrics.observe,
    renderErrorPage: createErrorPage(assets),
    async isOwnersBrowser(request) {
      const cookie = cookies.read(request, 'session');
      return cookie !== null && (await sessions.find(cookie, request.remote_address))?.is_owner === true;
    },
  };
}

/** What clients are told that there is. */
function serverFacts({ config, grants, registration }: HttpParts): ServerFacts {
  return {
    grant_types: grants.keys(),
    scopes: [...STANDARD_SCOPES, ...config.scopes.map(({ name }) => name)],
    client_id_metadata_documents: config.url_clients.policy !== 'refuse',
    registration: registration !== null,
    languages: LANGUAGE_TAGS,
  };
}
