// The settings to enter in an app, and how they are printed.
import { stripVTControlCharacters } from 'node:util';
import { returnsIdToken } from '../domain/client.ts';
import { CLAIMS_OF_SCOPE } from '../domain/scope.ts';
import { cleanText } from '../domain/text.ts';
import { DEVICE_CODE_GRANT } from '../domain/user_code.ts';
import type { RegisteredClient } from '../repository/clients.ts';

/** Lists are joined by spaces. */
type Facts = Record<string, string | string[]>;

/** A client's settings under the names that most apps use. */
export function connectionFacts(client: RegisteredClient, public_url: string, client_secret: string | null = null): Facts {
  const { client_id, redirect_uris, scope, token_endpoint_auth_method, grant_types } = client;
  const { response_types, require_pkce, id_token_signed_response_alg, access_token_signed_response_alg, userinfo_signed_response_alg } =
    client;
  const sends_people = grant_types.includes('authorization_code');
  const has_device = grant_types.includes(DEVICE_CODE_GRANT);
  return {
    client_id,
    ...(client_secret !== null && { client_secret }),
    issuer: public_url,
    discovery: `${public_url}/.well-known/openid-configuration`,
    ...(sends_people && { authorization_endpoint: `${public_url}/auth/authorize` }),
    ...(has_device && { device_authorization_endpoint: `${public_url}/auth/device_authorization` }),
    token_endpoint: `${public_url}/auth/token`,
    ...((sends_people || has_device) && { userinfo_endpoint: `${public_url}/auth/userinfo` }),
    token_endpoint_auth_method,
    ...(redirect_uris.length > 0 && { redirect_uris }),
    scope: scope.join(' '),
    ...((sends_people || has_device) && { claims: [claimNames(scope), ...Object.keys(client.claims)].join(' ') }),
    id_token_signed_response_alg,
    access_token_signed_response_alg,
    ...(userinfo_signed_response_alg !== null && { userinfo_signed_response_alg }),
    ...(response_types.some(returnsIdToken) && { response_types: response_types.join(', ') }),
    ...(sends_people && { code_challenge_method: require_pkce ? 'S256 (PKCE)' : 'S256 (PKCE), not required' }),
    jwks_uri: `${public_url}/.well-known/jwks.json`,
    ...(sends_people && { end_session_endpoint: `${public_url}/auth/end_session` }),
  };
}

/** The claims about a person that the scopes give, as apps' forms ask for them. */
function claimNames(scope: readonly string[]): string {
  const names = Object.entries(CLAIMS_OF_SCOPE).flatMap(([name, claims]) => (scope.includes(name) ? claims : []));
  return ['sub', ...names].join(' ');
}

export function factLines(facts: Facts): string {
  const width = Math.max(...Object.keys(facts).map(({ length }) => length)) + 2;
  return Object.entries(facts)
    .map(([name, value]) => `${`${name}:`.padEnd(width)}${cleanText(stripVTControlCharacters([value].flat().join(' ')), 2000)}\n`)
    .join('');
}

/** A readable client_id: `My Grafana` becomes `my-grafana`. It never looks like a URL. */
export function clientIdFrom(name: string): string {
  const word = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60);
  if (word === '') return 'app';
  return word.startsWith('http') ? `app-${word}` : word;
}
