// Detects requests that another site's page made the browser send. Programs send none of these
// headers and pass.

import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import { unprovenAsker } from '../../outbound/fetch_asker.ts';

export interface OriginRules {
  public_url: string;
  /** Other origins that may call this server. */
  allowed: readonly string[];
}

/** Refuses requests of other sites' pages, whatever their Content-Type. */
export function sameOriginHook(rules: OriginRules): onRequestHookHandler {
  return (request, _reply, done) => done(isCrossSite(request.headers, rules) ? crossSite('a page of another origin') : undefined);
}

/** Sets `is_cross_site`. Our forms have a CSRF token, so `Origin: null` is no evidence there. */
export function crossSiteHook(rules: OriginRules): onRequestHookHandler {
  return (request, _reply, done) => {
    const { headers, routeOptions } = request;
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
      request.is_cross_site =
        routeOptions.config.answers === 'page' ? isForeignForm(request, rules.public_url) : isCrossSite(headers, rules);
    done();
  };
}

/**
 * Who document fetches of a request are charged to. Any site can open our pages in a browser, over
 * plain http without a trace, so requests other than our forms are charged apart.
 */
export function fetchAsker({ is_our_form, is_cross_site, remote_address, routeOptions }: FastifyRequest): string {
  const is_unproven = !is_our_form && (is_cross_site || routeOptions.config.answers === 'page');
  return is_unproven ? unprovenAsker(remote_address) : remote_address;
}

/**
 * Refuses loading a page as an image, script, style sheet or by fetch(). Passes without the header.
 */
export function refuseSubresource({ headers }: FastifyRequest): void {
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined && !['document', 'iframe', 'frame'].includes(String(destination)))
    throw crossSite(`a page asked for as ${destination}`);
}

/**
 * Credentials of people and clients. Codes and refresh tokens are also sent by apps in browsers.
 */
const CREDENTIALS = ['password', 'current_password', 'new_password', 'client_secret', 'client_assertion'];

/** Refuses credentials in the body of a cross-site request, before they are checked. */
export function refuseForeignCredentials({ is_cross_site }: FastifyRequest, fields: Iterable<readonly [string, unknown]>): void {
  if (!is_cross_site) return;
  for (const [name, value] of fields)
    if (value !== '' && CREDENTIALS.includes(name)) throw crossSite(`a ${name} in a request of another site`);
}

/** The error for a cross-site request; `detail`: what revealed it. */
export function crossSite(detail: string): AuthError {
  return new AuthError('cross_site_request', 'Cross-site request refused', { detail });
}

function isCrossSite(headers: IncomingHttpHeaders, { public_url, allowed }: OriginRules): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && allowed.includes(origin)) return false;
  if (site === 'cross-site' || site === 'same-site') return true;
  if (origin === undefined) return false;
  return site !== 'same-origin' && origin !== public_url && hostOf(origin) !== headers.host;
}

/**
 * For forms with a CSRF token: our Referrer-Policy makes browsers send `Origin: null`, so null is
 * no evidence and the token decides.
 */
export function isForeignForm(request: FastifyRequest, public_url: string): boolean {
  const { origin, ...headers } = request.headers;
  return isCrossSite(origin === undefined || origin === 'null' ? headers : { ...headers, origin }, { public_url, allowed: [] });
}

/** Home networks have several names: a page on the requested host is ours. */
function hostOf(origin: string): string | null {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] ?? null;
}
