// Wires the pages: the start page, login and consent, logout, and a person's own account.

import type { FastifyPluginAsync } from 'fastify';
import { type AccountLinkDeps, accountLinkRoute } from '../http/pages/account/link.ts';
import { type AccountSecurityDeps, accountSecurityRoute } from '../http/pages/account/security.ts';
import { type AccountSessionsDeps, accountSessionsRoute } from '../http/pages/account/sessions.ts';
import { approvalsPageRoute } from '../http/pages/admin/approvals.ts';
import { assetsRoute } from '../http/pages/assets_route.ts';
import { type HomeDeps, homeRoute } from '../http/pages/home.ts';
import { type AuthorizeRouteDeps, authorizeRoute } from '../http/pages/login/authorize.ts';
import { type CallbackDeps, callbackRoute } from '../http/pages/login/callback.ts';
import { type DeviceRouteDeps, deviceRoute } from '../http/pages/login/device.ts';
import { type EndSessionRouteDeps, endSessionRoute } from '../http/pages/login/end_session.ts';
import { loginRoute } from '../http/pages/login/login.ts';
import { type OnboardingPageDeps, onboardingPageRoute } from '../http/pages/login/onboarding.ts';
import type { BrowserServices } from './browser.ts';
import type { Container } from './container.ts';

export function pageRoutes(container: Container, browser: BrowserServices): FastifyPluginAsync[] {
  return [
    ...loginPageRoutes(container, browser),
    ...accountPageRoutes(container, browser),
    adminPageRoute(container, browser),
    assetsRoute(browser),
  ];
}

function loginPageRoutes(container: Container, browser: BrowserServices): FastifyPluginAsync[] {
  const pages: AuthorizeRouteDeps & CallbackDeps & DeviceRouteDeps & EndSessionRouteDeps & OnboardingPageDeps = {
    login: container.login,
    onboarding: container.onboarding,
    acceptsRedirectUri: container.clientPages.acceptsRedirectUri,
    providers: container.providers,
    csrf: browser.csrf,
    hostRule: browser.hostRule,
    public_url: container.public_url,
    sessions: container.sessions,
    knownDevices: container.knownDevices,
    cookies: browser.cookies,
    assets: browser.assets,
    clientDirectory: container.clientDirectory,
    authorize: container.authorize,
    loginMarker: container.loginMarker,
    browserSessions: browser.browserSessions,
    audit: container.audit,
    scopes: container.config.scopes,
    userFacts: container.repositories.userFacts,
    linkTickets: container.linkTickets,
    deviceApproval: container.deviceApproval,
    endSession: container.endSession,
    minimum_password_length: container.minimum_password_length,
  };
  return [
    authorizeRoute(pages),
    callbackRoute(pages),
    onboardingPageRoute(pages),
    deviceRoute(pages),
    loginRoute(pages),
    endSessionRoute(pages),
  ];
}

function accountPageRoutes(container: Container, browser: BrowserServices): FastifyPluginAsync[] {
  const pages: HomeDeps & AccountLinkDeps & AccountSecurityDeps & AccountSessionsDeps = {
    onboarding: container.onboarding,
    assets: browser.assets,
    login: container.login,
    sessions: container.sessions,
    cookies: browser.cookies,
    csrf: browser.csrf,
    linkTickets: container.linkTickets,
    public_url: container.public_url,
    mfa: container.mfa,
    mfaSetup: container.mfaSetup,
    userSessions: container.userSessions,
    browserSessions: browser.browserSessions,
  };
  return [homeRoute(pages), accountLinkRoute(pages), accountSecurityRoute(pages), accountSessionsRoute(pages)];
}

function adminPageRoute(
  { config, approvals, users, groups, providers }: Container,
  { assets, csrf, browserSessions }: BrowserServices,
): FastifyPluginAsync {
  return approvalsPageRoute({
    approvals,
    approvals_by: config.approvals.by,
    users,
    groups,
    providers,
    browserSessions,
    csrf,
    assets,
  });
}
