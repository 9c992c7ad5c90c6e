// Pushed authorization requests (RFC 9126): a client hands its request over the back channel and gets a short name for it.

import type { Client } from '../domain/client.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import { queryOf, readRedirectUri, readStandardRequest, readTarget } from '../domain/standard_request.ts';
import type { PushedRequests } from '../repository/pushed_authorization_requests.ts';
import type { ClientDirectory } from './client_directory.ts';

const URN = 'urn:ietf:params:oauth:request_uri:';
/** Seconds: long enough for the login that the request begins. */
const LIFETIME = 600;

export interface ParDeps {
  clientDirectory: Pick<ClientDirectory, 'acceptsRedirect'>;
  pushedRequests: PushedRequests;
  clock: Clock;
  issuer: string;
}

export type Par = ReturnType<typeof createPar>;

export function createPar({ clientDirectory, pushedRequests, clock, issuer }: ParDeps) {
  return {
    /** Judges a request as the authorization endpoint would, and keeps it. `form` is without the client's credentials. */
    async push(client: Client, form: ReadonlyMap<string, string>, context: { remote_address: string; dpop_jkt: string | null }) {
      if (form.has('request_uri')) throw new AuthError('invalid_request', 'request_uri does not belong in a pushed request');
      const query = queryOf(form);
      const redirect_uri = readRedirectUri(query);
      if (!(await clientDirectory.acceptsRedirect(client, redirect_uri, context.remote_address)))
        throw new AuthError('invalid_request', 'redirect_uri is not registered');
      const { dpop_jkt } = readStandardRequest(query, client, readTarget(query, redirect_uri, client), issuer);
      // RFC 9449 section 10.1: both ways of naming the key must name one.
      if (dpop_jkt !== null && context.dpop_jkt !== null && dpop_jkt !== context.dpop_jkt)
        throw new AuthError('invalid_dpop_proof', 'dpop_jkt is not the key of the proof');
      const name = randomToken('lk_pr_');
      const now = clock();
      await pushedRequests.store({
        request_uri_hash: sha256(name),
        client_id: client.client_id,
        parameters: Object.fromEntries(form),
        dpop_jkt: dpop_jkt ?? context.dpop_jkt,
        created_at: now,
        expires_at: addSeconds(now, LIFETIME),
      });
      return { request_uri: `${URN}${name}`, expires_in: LIFETIME };
    },

    /** The pushed request that a query names, in its place; null where it names none. Our own parameters stay. */
    async resolve(query: URLSearchParams, client_id: string): Promise<{ query: URLSearchParams; hash: Buffer } | null> {
      const request_uri = query.get('request_uri') ?? '';
      if (!request_uri.startsWith(URN)) return null;
      const hash = sha256(request_uri.slice(URN.length));
      const pushed = await pushedRequests.find({ request_uri_hash: hash, client_id, now: clock() });
      if (!pushed) throw new AuthError('invalid_request_uri', 'The pushed request is unknown, used or expired');
      const parameters = Object.entries(pushed.parameters).map(([name, value]): [string, string] => [name, String(value)]);
      const resolved = queryOf(parameters);
      resolved.set('client_id', client_id);
      if (pushed.dpop_jkt !== null) resolved.set('dpop_jkt', pushed.dpop_jkt);
      return { query: resolved, hash };
    },
  };
}
