// Wires what every page needs: cookies, form tokens, the Host rule, browser sessions, assets.

import type { FastifyRequest } from 'fastify';
import { loadAssets } from '../http/pages/assets.ts';
import { createBrowserSessions } from '../http/server/browser_session.ts';
import { createCookies } from '../http/server/cookies.ts';
import { createCsrf } from '../http/server/csrf.ts';
import { createHostRule } from '../http/server/host_rule.ts';
import type { Container } from './container.ts';

export type BrowserServices = ReturnType<typeof wireBrowser>;

export function wireBrowser({
  config,
  public_url,
  sealer,
  sessions,
  providers,
}: Pick<Container, 'config' | 'public_url' | 'sealer' | 'sessions' | 'providers'>) {
  const cookies = createCookies(public_url);
  return {
    cookies,
    csrf: createCsrf({ sealer, cookies, public_url }),
    hostRule: createHostRule({ public_url, providers, allowed_hosts: config.http.allowed_hosts }),
    browserSessions: createBrowserSessions({ sessions, cookies }),
    assets: loadAssets(),
    async isOwnersBrowser(request: FastifyRequest): Promise<boolean> {
      const cookie = cookies.read(request, 'session');
      return cookie !== null && (await sessions.find(cookie, request.remote_address))?.is_owner === true;
    },
  };
}
