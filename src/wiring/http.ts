// Builds every route and page of the server.

import type { FastifyPluginAsync, FastifyRequest, onResponseHookHandler } from 'fastify';
import type { LinkUser } from '../accounts/link_user.ts';
import type { LocalLogins } from '../accounts/local_logins.ts';
import type { Onboarding } from '../accounts/onboarding.ts';
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { AuthProvider } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import type { ForwardAuth } from '../forward_auth/forward_auth.ts';
import { type ApiDeps, apiPlugin } from '../http/api/api_routes.ts';
import { accountLinkRoute } from '../http/pages/account/link.ts';
import { accountSecurityRoute } from '../http/pages/account/security.ts';
import { accountSessionsRoute } from '../http/pages/account/sessions.ts';
import { loadAssets } from '../http/pages/assets.ts';
import { assetsRoute } from '../http/pages/assets_route.ts';
import { homeRoute } from '../http/pages/home.ts';
import { createErrorPage } from '../http/pages/html_reply.ts';
import { LANGUAGE_TAGS } from '../http/pages/language.ts';
import { authorizeRoute } from '../http/pages/login/authorize.ts';
import { callbackRoute } from '../http/pages/login/callback.ts';
import { deviceRoute } from '../http/pages/login/device.ts';
import { endSessionRoute } from '../http/pages/login/end_session.ts';
import { loginRoute } from '../http/pages/login/login.ts';
import { onboardingPageRoute } from '../http/pages/login/onboarding.ts';
import { apiRootRoute } from '../http/routes/api_root.ts';
import { deviceAuthorizationRoute } from '../http/routes/device_authorization.ts';
import { forwardRoute } from '../http/routes/forward_auth/forward.ts';
import { hostSessionRoute } from '../http/routes/forward_auth/host_session.ts';
import { verifyRoute } from '../http/routes/forward_auth/verify.ts';
import { healthRoute } from '../http/routes/health.ts';
import { introspectRoute } from '../http/routes/introspect.ts';
import { linkUserRoute } from '../http/routes/link_user.ts';
import { loginFlowRoute } from '../http/routes/login_flow.ts';
import { onboardingRoute } from '../http/routes/onboarding.ts';
import { type ParRouteDeps, parRoute } from '../http/routes/par.ts';
import { providersRoute } from '../http/routes/providers.ts';
import { registerRoute } from '../http/routes/register.ts';
import { revokeRoute } from '../http/routes/revoke.ts';
import { tokenRoute } from '../http/routes/token.ts';
import { userinfoRoute } from '../http/routes/userinfo.ts';
import { wellKnownRoute } from '../http/routes/well_known.ts';
import { createBearerGuard } from '../http/server/bearer_guard.ts';
import { createBrowserSessions } from '../http/server/browser_session.ts';
import { createCookies } from '../http/server/cookies.ts';
import { createCsrf } from '../http/server/csrf.ts';
import type { RenderErrorPage } from '../http/server/errors.ts';
import { createHostRule, type HostRule } from '../http/server/host_rule.ts';
import { createMetrics, metricsRoute } from '../http/server/metrics.ts';
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
import type { MetadataDeps } from '../oauth/metadata.ts';
import type { Registration } from '../oauth/registration.ts';
import type { Revocation } from '../oauth/revocation.ts';
import type { TokenEndpoint } from '../oauth/token_endpoint.ts';
import type { Userinfo } from '../oauth/userinfo.ts';
import type { Database } from '../postgres/database.ts';
import type { UserFactsRepository } from '../repository/user_facts.ts';
import type { Sealer } from '../secrets/sealer.ts';
import type { AdmissionChecks } from '../tokens/admission.ts';
import type { BearerTokens } from '../tokens/bearer.ts';
import type { Keyring } from '../tokens/keyring.ts';

export interface HttpDeps extends Omit<ApiDeps, 'approvals_by'>, ParRouteDeps {
  authorize: Authorize;
  clientDirectory: ClientDirectory;
  audit: Audit;
  config: Pick<Config, 'http' | 'metrics' | 'approvals' | 'url_clients' | 'scopes'>;
  public_url: string;
  clock: Clock;
  database: Pick<Database, 'ping' | 'poolCounters'>;
  sealer: Pick<Sealer, 'subKey'>;
  keyring: Keyring;
  bearer: BearerTokens;
  grants: ReadonlyMap<string, unknown>;
  providers: ReadonlyMap<string, AuthProvider>;
  admissions: AdmissionChecks;
  tokenEndpoint: TokenEndpoint;
  revocation: Revocation;
  /** Null: registration is disabled. */
  registration: Registration | null;
  introspection: Introspection;
  userinfo: Userinfo;
  userFacts: UserFactsRepository;
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

export interface HttpPlugins {
  plugins: FastifyPluginAsync[];
  /** The routes of a separate metrics address; empty if metrics are off. */
  metricsRoutes: FastifyPluginAsync[];
  observe: onResponseHookHandler;
  renderErrorPage: RenderErrorPage;
  hostRule: HostRule;
  isOwnersBrowser(request: FastifyRequest): Promise<boolean>;
}

export function createPlugins(deps: HttpDeps): HttpPlugins {
  const { config, public_url, sessions } = deps;
  const cookies = createCookies(public_url);
  const guard = createBearerGuard(deps);
  const assets = loadAssets();
  const hostRule = createHostRule({ ...deps, allowed_hosts: config.http.allowed_hosts });
  const pages = {
    ...deps,
    hostRule,
    ...deps.clientPages,
    cookies,
    csrf: createCsrf({ ...deps, cookies }),
    assets,
    browserSessions: createBrowserSessions({ sessions, cookies }),
    scopes: config.scopes,
  };
  const rules = { public_url, allowed: config.http.cors_allowed_origins };
  const facts = serverFacts(deps);
  const metrics = createMetrics({ ...deps.database, lost_log_lines: deps.lost_log_lines });
  const metricsRoutes = config.metrics.enabled ? [metricsRoute(metrics, config.metrics.token)] : [];
  const ready = { ping: deps.database.ping, isDraining: deps.isDraining };
  return {
    plugins: [
      healthRoute(ready),
      ...(config.metrics.listen ? [] : metricsRoutes),
      wellKnownRoute({ ...deps, facts }),
      tokenRoute({ ...deps, hostRule }),
      parRoute(deps),
      deviceAuthorizationRoute(deps),
      revokeRoute(deps.revocation),
      introspectRoute(deps.introspection),
      userinfoRoute(deps),
      verifyRoute(pages, config.http.trusted_proxies),
      forwardRoute(pages, config.http.trusted_proxies),
      hostSessionRoute(pages, config.http.trusted_proxies),
      ...(deps.registration ? [registerRoute(deps.registration)] : []),
      providersRoute({ ...deps, hostRule }),
      loginFlowRoute(deps, rules, hostRule),
      linkUserRoute(deps, guard),
      onboardingRoute(deps.onboarding, rules),
      apiRootRoute(guard),
      apiPlugin({ ...deps, approvals_by: config.approvals.by }, guard),
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
    hostRule,
    async isOwnersBrowser(request) {
      const cookie = cookies.read(request, 'session');
      return cookie !== null && (await sessions.find(cookie, request.remote_address))?.is_owner === true;
    },
  };
}

/** The facts published in metadata. */
function serverFacts({ config, grants, registration }: HttpDeps): MetadataDeps {
  return {
    grant_types: grants.keys(),
    scopes: [...STANDARD_SCOPES, ...config.scopes.map(({ name }) => name)],
    client_id_metadata_documents: config.url_clients.policy !== 'refuse',
    registration: registration !== null,
    languages: LANGUAGE_TAGS,
  };
}
