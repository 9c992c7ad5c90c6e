// Forms of our pages prove that we drew them: a cookie that only this browser has, and in the form a MAC of it.

import { createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomToken, safeEqual, sha256 } from '../../domain/secret.ts';
import type { Cookies } from './cookies.ts';
import { crossSite, isForeignForm } from './same_origin.ts';

/** The field of a form that carries the token. */
export const CSRF_FIELD = 'csrf_token';

/** A browser that is not logged in yet, as its pre-login cookie names it. */
export interface Browser {
  /** SHA-256 of the cookie: binds a login flow to this browser. */
  browser_hash: Buffer;
  /** What a form that this browser gets must carry. */
  csrf_token: string;
}

export interface Csrf {
  /** SHA-256 of the pre-login cookie; null for a browser that has none. */
  hashOf(request: FastifyRequest): Buffer | null;
  /** The browser, with a new cookie when it has none. */
  meet(request: FastifyRequest, reply: FastifyReply): Browser;
  /** The browser that sent a form of ours; throws `cross_site_request` for any other. */
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
