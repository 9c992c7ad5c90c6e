// Pushed authorization requests (RFC 9126): a client stores its request by a direct call and gets a
// short-lived reference.

import type { Client } from '../domain/client.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { RowQuotas } from '../domain/row_quota.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import { queryOf, REQUEST_PARAMETERS, readRedirectUri, readResponseTarget, readStandardRequest } from '../domain/standard_request.ts';
import type { PushedRequestRepository } from '../repository/pushed_authorization_requests.ts';
import type { ClientDirectory } from './client_directory.ts';

const URN = 'urn:ietf:params:oauth:request_uri:';
/**
 * Lifetime in seconds: enough for a login, and under 600 (FAPI 2.0 Security Profile section
 * 5.3.2.2).
 */
const LIFETIME = 595;
/** Maximum stored characters of a request. */
const MAX_KEPT = 10_000;

export interface ParDeps {
  clientDirectory: Pick<ClientDirectory, 'acceptsRedirect' | 'isRefused'>;
  pushedRequests: PushedRequestRepository;
  rowQuotas: RowQuotas;
  clock: Clock;
  issuer: string;
}

export type Par = ReturnType<typeof createPar>;

export function createPar({ clientDirectory, pushedRequests, rowQuotas, clock, issuer }: ParDeps) {
  return {
    /**
     * Validates a request as the authorization endpoint would, and stores its known parameters.
     * Throws `unauthorized_client` for a client without logins, `too_many_requests` for an address
     * with too many requests. `asker`: who fetches are charged to.
     */
    async push(
      client: Client,
      form: ReadonlyMap<string, string>,
      context: { remote_address: string; is_cross_site?: boolean; asker: string; dpop_jkt: string | null },
    ) {
      // Checked before anything is stored or fetched.
      if (await clientDirectory.isRefused(client.client_id)) throw new AuthError('unauthorized_client', 'This client is not allowed');
      if (form.has('request_uri')) throw new AuthError('invalid_request', 'request_uri does not belong in a pushed request');
      const kept = [...form].filter(([name]) => REQUEST_PARAMETERS.includes(name));
      const query = queryOf(kept);
      const redirect_uri = readRedirectUri(query);
      if (!(await clientDirectory.acceptsRedirect(client, redirect_uri, context.asker)))
        throw new AuthError('invalid_request', 'redirect_uri is not registered');
      const { dpop_jkt } = readStandardRequest(query, client, readResponseTarget(query, redirect_uri, client), issuer);
      // RFC 9449 section 10.1: both ways of naming the key must agree.
      if (dpop_jkt !== null && context.dpop_jkt !== null && dpop_jkt !== context.dpop_jkt)
        throw new AuthError('invalid_dpop_proof', 'dpop_jkt is not the key of the proof');
      if (query.toString().length > MAX_KEPT) throw new AuthError('invalid_request', `The request is longer than ${MAX_KEPT}`);
      const name = randomToken('lk_pr_');
      const now = clock();
      const pushed = {
        request_uri_hash: sha256(name),
        client_id: client.client_id,
        parameters: Object.fromEntries(kept),
        dpop_jkt: dpop_jkt ?? context.dpop_jkt,
        created_at: now,
        expires_at: addSeconds(now, LIFETIME),
      };
      const stored = await pushedRequests.store(pushed, rowQuotas({ ...context, client }));
      if (!stored) throw new AuthError('too_many_requests', 'Too many pushed requests from this address', { retry_after: 60 });
      return { request_uri: `${URN}${name}`, expires_in: LIFETIME };
    },

    /**
     * Replaces a `request_uri` by the pushed request; null without one. This server's own
     * parameters stay.
     */
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
