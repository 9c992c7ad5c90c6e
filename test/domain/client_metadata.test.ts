import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  CLIENT_DEFAULTS,
  type ClientFields,
  clientFields,
  clientMetadataIssues,
  isFetchable,
  registeredId,
  withClientDefaults,
} from '../../src/domain/client_metadata.ts';

const CLIENT: ClientFields = {
  ...CLIENT_DEFAULTS,
  redirect_uris: ['https://app.example.com/cb'],
  scope: ['openid'],
  token_endpoint_auth_method: 'client_secret_basic',
};
const RULES = {
  allow_http_redirect_uris: false,
  allow_private_addresses: false,
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes: ['openid', 'profile'],
};
const PUBLIC = { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' };
const told = (differs: Partial<ClientFields>) =>
  clientMetadataIssues({ ...CLIENT, ...differs }, RULES).map(({ code, path }) => [code, path.join('.')]);

describe('a client', () => {
  it('of which all is right has nothing told', () => {
    expect(told({})).toEqual([]);
    expect(told({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [PUBLIC] } })).toEqual([]);
    expect(told({ grant_types: ['client_credentials'], redirect_uris: [] })).toEqual([]);
  });

  it.each<[string, Partial<ClientFields>, string[]]>([
    ['a redirect URI that is a pattern', { redirect_uris: ['https://*.a.test/'] }, ['unfit_redirect_uri', 'redirect_uris.0']],
    [
      'a place to go after logout that runs script',
      { post_logout_redirect_uris: ['javascript:x'] },
      ['unfit_redirect_uri', 'post_logout_redirect_uris.0'],
    ],
    ['no redirect URI', { redirect_uris: [] }, ['unfit_redirect_uri', 'redirect_uris']],
    ['an unknown grant type', { grant_types: ['authorization_code', 'password'] }, ['invalid_client_metadata', 'grant_types.1']],
    ['an unknown scope', { scope: ['openid', 'root'] }, ['invalid_client_metadata', 'scope.1']],
    [
      'client credentials without any',
      { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] },
      ['invalid_client_metadata', 'grant_types'],
    ],
    [
      'a signature without a key',
      { token_endpoint_auth_method: 'private_key_jwt' },
      ['invalid_client_metadata', 'token_endpoint_auth_method'],
    ],
    ['keys from two places', { jwks: { keys: [PUBLIC] }, jwks_uri: 'https://a.test/jwks' }, ['invalid_client_metadata', 'jwks']],
    ['a private key', { jwks: { keys: [{ ...PUBLIC, d: 'c' }] } }, ['invalid_client_metadata', 'jwks']], // L9
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'c' }] } }, ['invalid_client_metadata', 'jwks']],
    ['keys inside', { jwks_uri: 'https://192.168.0.1/jwks' }, ['invalid_client_metadata', 'jwks_uri']],
    ['a logout inside', { backchannel_logout_uri: 'https://localhost/out' }, ['invalid_client_metadata', 'backchannel_logout_uri']], // L12
  ])('with %s is reported', (_story, differs, complaint) => {
    expect(told(differs)).toEqual([complaint]);
  });
});

// W11
describe('a client with profile fapi2', () => {
  const complete = (given: Partial<ClientFields>) =>
    withClientDefaults(
      { ...given, redirect_uris: CLIENT.redirect_uris, jwks: { keys: [PUBLIC] } },
      { scope: [], token_endpoint_auth_method: 'client_secret_basic' },
    );
  const faults = (given: Partial<ClientFields>) =>
    clientMetadataIssues(complete({ profile: 'fapi2', ...given }), RULES).map(({ path }) => path.join('.'));

  it('is what the profile demands unless it says otherwise', () => {
    expect(complete({ profile: 'fapi2' })).toMatchObject({
      token_endpoint_auth_method: 'private_key_jwt',
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
    });
    expect(faults({})).toEqual([]);
    expect(faults({ id_token_signed_response_alg: 'EdDSA' })).toEqual([]);
    expect(complete({ profile: null })).toMatchObject({ dpop_bound_access_tokens: false, id_token_signed_response_alg: 'RS256' });
  });

  it.each<Partial<ClientFields>>([
    { token_endpoint_auth_method: 'client_secret_basic' },
    { token_endpoint_auth_method: 'none' },
    { require_pushed_authorization_requests: false },
    { dpop_bound_access_tokens: false },
    { id_token_signed_response_alg: 'RS256' },
  ])('is refused with %j', (given) => {
    expect(faults(given)).toEqual(Object.keys(given));
  });
});

it.each([
  ['https://a.test/jwks', true, true],
  ['https://a.test/jwks#x', false, false],
  ['https://u@a.test/jwks', false, false],
  ['http://a.test/jwks', false, false],
  ['http://127.0.0.1:80/jwks', false, true],
  ['https://[::1]/jwks', false, true],
  ['https://10.0.0.1/jwks', false, true],
  ['file:///etc/passwd', false, false],
])('%s may be fetched: %s, where addresses inside may: %s', (url, anywhere, inside) => {
  expect([isFetchable(url, false), isFetchable(url, true)]).toEqual([anywhere, inside]);
});

describe('a field', () => {
  const schema = z.object({ client_id: registeredId, ...clientFields }).partial();
  it.each<[string, object, object]>([
    ['scope as a text', { scope: 'openid  profile openid' }, { scope: ['openid', 'profile'] }],
    ['scope as a list', { scope: ['openid', 'openid'] }, { scope: ['openid'] }],
    ['a name with blanks around', { client_name: ' Grafana ' }, { client_name: 'Grafana' }],
    ['an id of any characters', { client_id: '%:+ é' }, { client_id: '%:+ é' }],
    ['what nobody knows', { foo: 1 }, {}],
  ])('%s is read', (_story, given, read) => {
    expect(schema.parse(given)).toEqual(read);
  });

  it.each<[string, object]>([
    ['a scope with a quote', { scope: 'a"b' }],
    ['a name of two lines', { client_name: 'a\nb' }],
    ['a link that runs script', { client_uri: 'javascript:alert(1)' }], // A10
    ['a logo that is data', { logo_uri: 'data:image/svg+xml,x' }],
    ['an id that is a URL', { client_id: 'https://a.test/' }],
    ['an id with a control character', { client_id: 'a\u0007' }],
    ['an id with a blank at its end', { client_id: 'a ' }],
    ['a way to be answered that is none', { response_modes: ['query', 'web_message'] }],
    ['no way to be answered', { response_modes: [] }],
    ['a signature by a shared secret', { token_endpoint_auth_method: 'client_secret_jwt' }],
  ])('%s is refused', (_story, given) => {
    expect(schema.safeParse(given).success).toBe(false);
  });
});
