// Cookies: `__Host-` and Secure under https, neither under plain http; decided by public_url.

import type { FastifyReply, FastifyRequest } from 'fastify';

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

/** Values are base64url and need no quoting. */
export function createCookies(public_url: string): Cookies {
  const secure = public_url.startsWith('https:');
  const fullName = (name: CookieName) => `${secure ? '__Host-' : ''}latchkey_${name}`;
  const flags = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    read: (request, name) => cookieNamed(request.headers.cookie, fullName(name)),
    set(reply, name, value, max_age) {
      reply.header('set-cookie', `${fullName(name)}=${value}${max_age === undefined ? '' : `; Max-Age=${max_age}`}${flags}`);
    },
    clear(reply, name) {
      reply.header('set-cookie', `${fullName(name)}=; Max-Age=0${flags}`);
    },
  };
}

/** The name of a protected host's cookie. */
export function hostCookie(kind: 'session' | 'login', host: string): CookieName {
  const [, port] = host.split(':');
  return port === undefined ? `host_${kind}` : `host_${kind}_${Number(port)}`;
}

/** The first cookie of that name with a value this server could have set. */
function cookieNamed(header: string | undefined, name: string): string | null {
  const pair = header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${name}=`));
  const value = pair?.slice(name.length + 1);
  return value !== undefined && /^[\w-]{1,512}$/.test(value) ? value : null;
}
