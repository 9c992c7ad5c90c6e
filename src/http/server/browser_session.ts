// The browser's session of a request, looked up once per request.

import type { FastifyRequest } from 'fastify';
import type { Session, Sessions } from '../../login/session.ts';
import type { Cookies } from './cookies.ts';

export type BrowserSession = Session;

export interface BrowserSessions {
  /** The valid session of a user who may authenticate from that address; null without one. */
  find(request: FastifyRequest): Promise<BrowserSession | null>;
}

export function createBrowserSessions({ sessions, cookies }: { sessions: Pick<Sessions, 'find'>; cookies: Cookies }): BrowserSessions {
  return {
    async find(request) {
      const cookie = cookies.read(request, 'session');
      return cookie === null ? null : await sessions.find(cookie, request.remote_address);
    },
  };
}
