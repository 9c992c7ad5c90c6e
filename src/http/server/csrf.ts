// CSRF protection of forms: a cookie of the browser, and its MAC in the form.

import { createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomToken, safeEqual, sha256 } from '../../domain/secret.ts';
import type { Cookies } from './cookies.ts';
import { crossSite, isForeignForm } from './same_origin.ts';

/** The field of a form that carries the token. */
export const CSRF_FIELD = 'csrf_token';

/** A browser before the login, identified by its pre-login cookie. */
export interface Browser {
  /** SHA-256 of the cookie; binds login flows to this browser. */
  browser_hash: Buffer;
  /** The token for forms of this browser. */
  csrf_token: string;
}

export interface Csrf {
  /** SHA-256 of the pre-login cookie; null without one. */
  hashOf(request: FastifyRequest): Buffer | null;
  /** Identifies the browser, setting a cookie if it has none. */
  meet(request: FastifyRequest, reply: FastifyReply): Browser;
  /** The browser that submitted one of our forms; throws `cross_site_request` otherwise. */
  check(request: FastifyRequest, form: ReadonlyMap<string, string>): Browser;
}

interface Deps {
  cookies: Cookies;
  sealer: { subKey(purpose: string): Buffer };
  public_url: string;
}

export function createCsrf({ cookies, sealer, public_url }: Deps): Csrf {
  const key = sealer.subKey('csrf');

  function browserOf(cookie: string): Browser {
    return { browser_hash: sha256(cookie), csrf_token: createHmac('sha256', key).update(cookie).digest('base64url') };
  }

  return {
    hashOf(request) {
      const cookie = cookies.read(request, 'login');
      return cookie === null ? null : sha256(cookie);
    },
    meet(request, reply) {
      const known = cookies.read(request, 'login');
      const cookie = known ?? randomToken('lk_br_');
      if (known === null) cookies.set(reply, 'login', cookie);
      return browserOf(cookie);
    },
    check(request, form) {
      const cookie = cookies.read(request, 'login');
      if (cookie === null) throw crossSite('no pre-login cookie');
      const browser = browserOf(cookie);
      if (isForeignForm(request, public_url)) throw crossSite('a form of another origin');
      if (!safeEqual(form.get(CSRF_FIELD) ?? '', browser.csrf_token)) throw crossSite('a wrong form token');
      request.is_our_form = true;
      return browser;
    },
  };
}
