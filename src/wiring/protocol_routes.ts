// Wires the protocol endpoints: OAuth, OpenID Connect, Home Assistant's dialect, forward auth.

import type { FastifyPluginAsync } from 'fastify';
import { BUILT_IN_SCOPES } from '../domain/scope.ts';
import { LANGUAGE_TAGS } from '../http/pages/language.ts';
import { apiRootRoute } from '../http/routes/api_root.ts';
import { deviceAuthorizationRoute } from '../http/routes/device_authorization.ts';
import { forwardRoute } from '../http/routes/forward_auth/forward.ts';
import { hostSessionRoute } from '../http/routes/forward_auth/host_session.ts';
import { verifyRoute } from '../http/routes/forward_auth/verify.ts';
import { introspectRoute } from '../http/routes/introspect.ts';
import { linkUserRoute } from '../http/routes/link_user.ts';
import { loginFlowRoute } from '../http/routes/login_flow.ts';
import { onboardingRoute } from '../http/routes/onboarding.ts';
import { parRoute } from '../http/routes/par.ts';
import { providersRoute } from '../http/routes/providers.ts';
import { registerRoute } from '../http/routes/register.ts';
import { revokeRoute } from '../http/routes/revoke.ts';
import { tokenRoute } from '../http/routes/token.ts';
import { userinfoRoute } from '../http/routes/userinfo.ts';
import { wellKnownRoute } from '../http/routes/well_known.ts';
import type { BearerGuard } from '../http/server/bearer_guard.ts';
import type { MetadataDeps } from '../oauth/metadata.ts';
import type { BrowserServices } from './browser.ts';
import type { Container } from './container.ts';

export function oauthRoutes(container: Container, { hostRule }: BrowserServices): FastifyPluginAsync[] {
  return [
    wellKnownRoute({ public_url: container.public_url, facts: serverFacts(container), keyring: container.keyring }),
    tokenRoute({ tokenEndpoint: container.tokenEndpoint, admissions: container.admissions, dpop: container.dpop, hostRule }),
    parRoute({ par: container.par, clientAuthentication: container.clientAuthentication, dpop: container.dpop }),
    deviceAuthorizationRoute({ deviceAuthorization: container.deviceAuthorization }),
    revokeRoute(container.revocation),
    introspectRoute(container.introspection),
    userinfoRoute({
      userinfo: container.userinfo,
      dpop: container.dpop,
      keyring: container.keyring,
      importedTokens: container.importedTokens,
      clock: container.clock,
    }),
    ...(container.registration ? [registerRoute(container.registration)] : []),
  ];
}

export function forwardAuthRoutes(container: Container, browser: BrowserServices): FastifyPluginAsync[] {
  const { trusted_proxies } = container.config.http;
  return [
    verifyRoute({ forwardAuth: container.forwardAuth, cookies: browser.cookies }, trusted_proxies),
    forwardRoute({ forwardAuth: container.forwardAuth, cookies: browser.cookies }, trusted_proxies),
    hostSessionRoute(
      {
        forwardAuth: container.forwardAuth,
        cookies: browser.cookies,
        browserSessions: browser.browserSessions,
        csrf: browser.csrf,
        loginMarker: container.loginMarker,
        public_url: container.public_url,
      },
      trusted_proxies,
    ),
  ];
}

/** The endpoints that only Home Assistant's dialect has. */
export function homeAssistantRoutes(container: Container, { hostRule }: BrowserServices, guard: BearerGuard): FastifyPluginAsync[] {
  const { config, public_url } = container;
  const cors = { public_url, allowed: config.http.cors_allowed_origins };
  return [
    providersRoute({ providers: container.providers, hostRule, onboarding: container.onboarding }),
    loginFlowRoute({ login: container.login, clientDirectory: container.clientDirectory }, cors, hostRule),
    linkUserRoute({ linkUser: container.linkUser }, guard),
    onboardingRoute(container.onboarding, cors),
    apiRootRoute(guard),
  ];
}

/** The facts published in metadata. */
function serverFacts({ config, grants, registration }: Pick<Container, 'config' | 'grants' | 'registration'>): MetadataDeps {
  return {
    grant_types: grants.keys(),
    scopes: [...BUILT_IN_SCOPES, ...config.scopes.map(({ name }) => name)],
    client_id_metadata_documents: config.url_clients.policy !== 'refuse',
    registration: registration !== null,
    languages: LANGUAGE_TAGS,
  };
}
