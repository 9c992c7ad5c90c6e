// Apps that an operator named: one for each way in which a client can prove itself, and a resource server.
import type { JWK } from 'jose';

export const CALLBACK = 'https://app.example.com/cb';
export const GOODBYE = 'https://app.example.com/bye';
export const API = 'https://api.example.com/';
export const SECRETS = { web: 'the secret of the web app', post: 'the secret of the posting app', api: 'the secret of the api' };
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const app = { redirect_uris: [CALLBACK], post_logout_redirect_uris: [GOODBYE], resources: [API] };

/** As in the YAML. `jwk`: the public key of the one that signs. */
export function standardClients(jwk: JWK): Record<string, unknown>[] {
  return [
    { client_id: 'web', client_secret: SECRETS.web, ...app },
    { client_id: 'post', client_secret: SECRETS.post, token_endpoint_auth_method: 'client_secret_post', ...app },
    { client_id: 'signer', jwks: { keys: [{ ...jwk, kid: 'signer' }] }, ...app, id_token_signed_response_alg: 'ES256' },
    { client_id: 'spa', ...app },
    { client_id: 'tv', redirect_uris: [], grant_types: [DEVICE_GRANT, 'refresh_token'] },
    {
      client_id: 'api',
      client_secret: SECRETS.api,
      redirect_uris: [],
      grant_types: ['client_credentials'],
      scope: 'read write',
      resources: [API],
    },
  ];
}

export const SCOPES = [
  { name: 'read', description: 'Read' },
  { name: 'write', description: 'Write' },
];
