// A relying party made of openid-client, as its documentation shows it, does everything that the
// standard profile offers.
import { exportJWK, generateKeyPair } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SIGNING_ALGORITHMS } from '../../src/domain/client.ts';
import { fetchFrom, ISSUER, standardBrowser } from '../support/clients/standard_browser.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { API, CALLBACK, GOODBYE, SCOPES, SECRETS, standardClients } from '../support/fixtures/standard_clients.ts';

let server: TestServer;
let app: Stranger;
let private_key: CryptoKey;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  private_key = privateKey as CryptoKey;
  app = await startStranger((socket) => {
    const client_id = `${app.url}client.json`;
    const document = { client_id, client_name: 'An app', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' };
    respond(socket, JSON.stringify(document), { headers: 'Content-Type: application/json\r\n' });
  });
  const signed = SIGNING_ALGORITHMS.map((alg) => ({
    client_id: `signed ${alg}`,
    client_secret: SECRETS.web,
    redirect_uris: [CALLBACK],
    ...{ id_token_signed_response_alg: alg, access_token_signed_response_alg: alg, userinfo_signed_response_alg: alg },
    claims: { role: { value: 'user' } },
  }));
  const clients = [...standardClients(await exportJWK(publicKey)), ...signed];
  const config = { clients, scopes: SCOPES, http: { ip_ban_enabled: false }, url_clients: { allow_private_addresses: true } };
  server = await startServer({ clock: () => new Date(), config });
  await server.createOwner();
});
afterAll(async () => {
  await server.close();
  await app.close();
});

async function discover(client_id: string, how?: client.ClientAuth, metadata: Partial<client.ClientMetadata> = {}) {
  return await client.discovery(new URL(ISSUER), client_id, metadata, how, { [client.customFetch]: fetchFrom(server) });
}
const discoverWeb = () => discover('web', client.ClientSecretBasic(SECRETS.web));
const discoverSpa = () => discover('spa', client.None());

interface Journey {
  parameters?: Record<string, string>;
  browser?: ReturnType<typeof standardBrowser>;
  is_pushed?: boolean;
  DPoP?: client.DPoPHandle;
}

/**
 * Through the browser and back with tokens; openid-client checks state, nonce, iss, at_hash, and
 * every signature.
 */
async function logIn(
  rp: client.Configuration,
  { parameters = {}, browser = standardBrowser(server), is_pushed = false, DPoP }: Journey = {},
) {
  client.enableNonRepudiationChecks(rp);
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const asked = {
    redirect_uri: CALLBACK,
    scope: 'openid profile offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  };
  const options = DPoP ? { DPoP } : {};
  const url = is_pushed ? await client.buildAuthorizationUrlWithPAR(rp, asked, options) : client.buildAuthorizationUrl(rp, asked);
  const back = await browser.authorize(url);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return await client.authorizationCodeGrant(rp, back, checks, undefined, options);
}

test('discovery tells both documents alike', async () => {
  const oidc = (await discoverWeb()).serverMetadata();
  const options = { algorithm: 'oauth2' as const, [client.customFetch]: fetchFrom(server) };
  const oauth = (await client.discovery(new URL(ISSUER), 'spa', {}, client.None(), options)).serverMetadata();
  expect(oauth).toEqual(oidc);
  expect(oidc).toMatchObject({ issuer: ISSUER, code_challenge_methods_supported: ['S256'] });
});

test('a login with code and PKCE, userinfo, and refreshes that rotate', async () => {
  const rp = await discoverWeb();
  const tokens = await logIn(rp);
  expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'openid profile offline_access', expires_in: 1800 });
  const { sub } = tokens.claims()!;
  expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).toMatchObject({ sub, name: 'Ada', preferred_username: 'ada' });
  const next = await client.refreshTokenGrant(rp, tokens.refresh_token!);
  expect(next.refresh_token).not.toBe(tokens.refresh_token);
  expect(next.claims()).toMatchObject({ sub, aud: 'web' });
  expect(await client.fetchUserInfo(rp, next.access_token, sub)).toMatchObject({ sub });
  expect(await client.refreshTokenGrant(rp, next.refresh_token!)).toMatchObject({ scope: tokens.scope });
});

test('a pushed request, by a client that signs who it is', async () => {
  const rp = await discover('signer', client.PrivateKeyJwt({ key: private_key, kid: 'signer' }), {
    id_token_signed_response_alg: 'ES256',
  });
  const tokens = await logIn(rp, { is_pushed: true });
  expect(tokens.claims()).toMatchObject({ aud: 'signer', iss: ISSUER });
});

test.each(SIGNING_ALGORITHMS)('ID token and userinfo signed with %s, with a claim of the operator’s own', async (alg) => {
  const algorithms = { id_token_signed_response_alg: alg, userinfo_signed_response_alg: alg };
  const rp = await discover(`signed ${alg}`, client.ClientSecretBasic(SECRETS.web), algorithms);
  const tokens = await logIn(rp);
  const { sub } = tokens.claims()!;
  expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).toMatchObject({ sub, iss: ISSUER, name: 'Ada', role: 'user' });
  const other = await discover(`signed ${alg}`, client.ClientSecretBasic(SECRETS.web), {
    ...algorithms,
    userinfo_signed_response_alg: alg === 'ES256' ? 'RS256' : 'ES256',
  });
  client.enableNonRepudiationChecks(other);
  await expect(client.fetchUserInfo(other, tokens.access_token, sub)).rejects.toThrow();
});

test('a client that posts its secret', async () => {
  const rp = await discover('post', client.ClientSecretPost(SECRETS.post));
  expect((await logIn(rp)).claims()).toMatchObject({ aud: 'post' });
});

test('tokens that are bound to a key, from the pushed request to userinfo', async () => {
  const rp = await discoverSpa();
  const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair());
  const tokens = await logIn(rp, { is_pushed: true, DPoP });
  expect(tokens.token_type).toBe('dpop');
  const { sub } = tokens.claims()!;
  expect(await client.fetchUserInfo(rp, tokens.access_token, sub, { DPoP })).toMatchObject({ sub });
  await expect(client.fetchUserInfo(rp, tokens.access_token, sub)).rejects.toThrow();
  const thief = client.getDPoPHandle(rp, await client.randomDPoPKeyPair());
  await expect(client.refreshTokenGrant(rp, tokens.refresh_token!, {}, { DPoP: thief })).rejects.toMatchObject({ error: 'invalid_grant' });
  expect(await client.refreshTokenGrant(rp, tokens.refresh_token!, {}, { DPoP })).toMatchObject({ token_type: 'dpop' });
});

test('a device that its owner connects', async () => {
  const rp = await discover('tv', client.None());
  const device = await client.initiateDeviceAuthorization(rp, { scope: 'openid profile' });
  const { answer, seen } = await standardBrowser(server).follow(device.verification_uri_complete!);
  expect([answer.status, seen]).toEqual([200, ['login', 'code', 'consent']]);
  const tokens = await client.pollDeviceAuthorizationGrant(rp, device);
  expect(tokens.claims()).toMatchObject({ aud: 'tv' });
  expect(await client.refreshTokenGrant(rp, tokens.refresh_token!)).toMatchObject({ scope: 'openid profile' });
});

test('a client of its own, and a resource server that asks about tokens for it', async () => {
  const api = await discover('api', client.ClientSecretBasic(SECRETS.api));
  const own = await client.clientCredentialsGrant(api, { scope: 'read', resource: API });
  expect(own).toMatchObject({ token_type: 'bearer', scope: 'read' });
  expect(own.refresh_token).toBeUndefined();
  const { access_token } = await logIn(await discoverWeb(), { parameters: { resource: API } });
  expect(await client.tokenIntrospection(api, access_token)).toMatchObject({ active: true, client_id: 'web', aud: API });
  expect(await client.tokenIntrospection(api, own.access_token)).toMatchObject({ active: true, client_id: 'api' });
  const elsewhere = await logIn(await discoverWeb());
  expect(await client.tokenIntrospection(api, elsewhere.access_token)).toEqual({ active: false });
});

test('what is revoked is revoked', async () => {
  const rp = await discoverWeb();
  const tokens = await logIn(rp);
  await client.tokenRevocation(rp, tokens.refresh_token!);
  await expect(client.refreshTokenGrant(rp, tokens.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  await expect(client.fetchUserInfo(rp, tokens.access_token, tokens.claims()!.sub)).rejects.toThrow();
  expect(await client.tokenIntrospection(rp, tokens.access_token)).toEqual({ active: false });
});

test('a logout ends the session, and the person is sent back', async () => {
  const rp = await discoverWeb();
  const browser = standardBrowser(server);
  const { id_token } = await logIn(rp, { browser });
  // Single sign-on: nobody types a password again.
  const again = { redirect_uri: CALLBACK, scope: 'openid', prompt: 'none', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' };
  expect((await browser.authorize(client.buildAuthorizationUrl(rp, again))).searchParams.has('code')).toBe(true);
  const end = client.buildEndSessionUrl(rp, { id_token_hint: id_token!, post_logout_redirect_uri: GOODBYE, state: 'so long' });
  expect((await browser.authorize(end)).href).toBe(`${GOODBYE}?state=so+long`);
  expect((await browser.authorize(client.buildAuthorizationUrl(rp, again))).searchParams.get('error')).toBe('login_required');
});

test('an app that nobody registered, by the document at its client_id', async () => {
  const tokens = await logIn(await discover(`${app.url}client.json`, client.None()));
  expect(tokens.claims()).toMatchObject({ aud: `${app.url}client.json` });
  expect(tokens.refresh_token).toBeDefined();
});
