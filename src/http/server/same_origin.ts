// Whether a page of another site made the browser send this request. Programs send none of these headers and pass.

import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import { unprovenAsker } from '../../outbound/fetch_asker.ts';

export interface OriginRules {
  public_url: string;
  /** Other origins that may call us. */
  allowed: readonly string[];
}

/** Refuses what a page of a foreign site sends; the Content-Type is never a reason. */
export function sameOriginHook(rules: OriginRules): onRequestHookHandler {
  return (request, _reply, done) => done(isCrossSite(request.headers, rules) ? crossSite('a page of another origin') : undefined);
}

/** Sets `is_cross_site`. A page of ours proves where its forms come from by a token, so there `Origin: null` says nothing. */
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
 * In whose name documents of clients are fetched for a request. Any site can make a browser open a page of ours, and
 * over plain http nothing tells, so what is not a form of ours counts apart from it.
 */
export function fetchAsker({ is_our_form, is_cross_site, remote_address, routeOptions }: FastifyRequest): string {
  const is_unproven = !is_our_form && (is_cross_site || routeOptions.config.answers === 'page');
  return is_unproven ? unprovenAsker(remote_address) : remote_address;
}

/** Refuses the page where it would not be shown: as an image, a script, a style sheet or by fetch(). Absent header: passes. */
export function refuseSubresource({ headers }: FastifyRequest): void {
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined && !['document', 'iframe', 'frame'].includes(String(destination)))
    throw crossSite(`a page asked for as ${destination}`);
}

/** What proves a person or a client; codes and refresh tokens are sent by apps that run in a browser, too. */
const CREDENTIALS = ['password', 'current_password', 'new_password', 'client_secret', 'client_assertion'];

/** Refuses a body with a credential that the page of another site made the browser send, before it is looked at. */
export function refuseForeignCredentials({ is_cross_site }: FastifyRequest, fields: Iterable<readonly [string, unknown]>): void {
  if (!is_cross_site) return;
  for (const [name, value] of fields)
    if (value !== '' && CREDENTIALS.includes(name)) throw crossSite(`a ${name} in a request of another site`);
}

/** The refusal of a cross-site request; `detail` says what gave it away. */
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
 * For forms that carry a token of their own: our Referrer-Policy makes a browser send `Origin: null` with them,
 * so null says nothing and the token decides.
 */
export function isForeignForm(request: FastifyRequest, public_url: string): boolean {
  const { origin, ...headers } = request.headers;
  return isCrossSite(origin === undefined || origin === 'null' ? headers : { ...headers, origin }, { public_url, allowed: [] });
}

/** Names differ in a home network: a browser that asked for the same host as its page came from us. */
function hostOf(origin: string): string | null {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] ?? null;
}
