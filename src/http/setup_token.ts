// Who may make the owner: whoever holds the token that the server printed at its start, or the person who sits at the machine.

import type { FastifyRequest } from 'fastify';
import { AuthError } from '../domain/errors.ts';
import { isLoopback } from '../domain/network.ts';

/** Any of these tells of a proxy or a tunnel, behind which the whole internet looks like this machine. */
const FORWARDING_HEADERS =
  /^(forwarded|x-forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-.*|via|ngrok-.*|x-original-.*)$/;

/** Refuses everybody else. A wrong token is refused at the machine itself too. */
export function requireSetupToken(request: FastifyRequest, isSetupToken: (text: string) => boolean): void {
  const token = request.headers['x-setup-token'];
  const allowed = token === undefined ? sitsAtTheMachine(request) : typeof token === 'string' && isSetupToken(token);
  if (!allowed) throw new AuthError('setup_token_required', 'The setup token that the server printed is needed');
}

function sitsAtTheMachine({ remote_address, headers }: FastifyRequest): boolean {
  if (!isLoopback(remote_address) || Object.keys(headers).some((name) => FORWARDING_HEADERS.test(name))) return false;
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  // A name that leads here from elsewhere is a proxy's, or an attacker's who bent the DNS.
  if (!isLoopbackHost(host)) return false;
  return (origin === undefined || origin === `http://${host}`) && site !== 'cross-site' && site !== 'same-site';
}

function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, '');
  return name === 'localhost' || isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}
