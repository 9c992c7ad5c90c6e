// The session of the browser that sent a request: the cookie looked up, once for whoever asks.

import type { FastifyRequest } from 'fastify';
import type { Session, Sessions } from '../../login/session.ts';
import type { Cookies } from './cookies.ts';

export type BrowserSession = Session;

export interface BrowserSessions {
  /** The living session of a user who may authenticate from there; null for a browser that nobody is logged in with. */
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
