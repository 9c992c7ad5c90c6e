// Cookies: `__Host-` and Secure under https, neither under plain http; decided by public_url.

import '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A value that this server could have set. */
const OUR_VALUE = /^[\w-]{1,512}$/;

/**
 * `session`: single sign-on; `login`: a browser before the login; `device`: a browser in which a
 * person has logged in. On protected hosts `host_session` and `host_login`, with the port, since
 * ports share cookies.
 */
type CookieName = 'session' | 'login' | 'device' | `host_${'session' | 'login'}${'' | `_${number}`}`;

export interface Cookies {
  read(request: FastifyRequest, name: CookieName): string | null;
  /** `max_age` in seconds; absent: a session cookie. */
  set(reply: FastifyReply, name: CookieName, value: string, max_age?: number): void;
  clear(reply: FastifyReply, name: CookieName): void;
}

/** Reads and writes by @fastify/cookie. Values are base64url and need no quoting. */
export function createCookies(public_url: string): Cookies {
  const secure = public_url.startsWith('https:');
  const fullName = (name: CookieName) => `${secure ? '__Host-' : ''}latchkey_${name}`;
  const flags = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const;
  return {
    read(request, name) {
      const header = request.headers.cookie;
      const value = header === undefined ? undefined : request.server.parseCookie(header)[fullName(name)];
      return value !== undefined && OUR_VALUE.test(value) ? value : null;
    },
    set(reply, name, value, max_age) {
      reply.setCookie(fullName(name), value, max_age === undefined ? flags : { ...flags, maxAge: max_age });
    },
    clear(reply, name) {
      reply.setCookie(fullName(name), '', { ...flags, maxAge: 0 });
    },
  };
}

/** The name of a protected host's cookie. */
export function hostCookie(kind: 'session' | 'login', host: string): CookieName {
  const [, port] = host.split(':');
  return port === undefined ? `host_${kind}` : `host_${kind}_${Number(port)}`;
}
