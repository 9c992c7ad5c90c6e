// The strictest client there is, oauth4webapi, step by step: it refuses every answer that departs
// from the letter of its specification.
import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchFrom, ISSUER, standardBrowser } from '../support/clients/standard_browser.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { API, CALLBACK, GOODBYE, SCOPES, SECRETS, standardClients } from '../support/fixtures/standard_clients.ts';

let server: TestServer;
let app: Stranger;
let as: oauth.AuthorizationServer;
let private_key: CryptoKey;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  private_key = privateKey as CryptoKey;
  app = await startStranger((socket) => {
    const document = { client_id: `${app.url}client.json`, redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' };
    respond(socket, JSON.stringify(document), { headers: 'Content-Type: application/json\r\n' });
  });
  const clients = standardClients(await exportJWK(publicKey));
  const config = { clients, scopes: SCOPES, http: { ip_ban_enabled: false }, url_clients: { allow_private_addresses: true } };
  server = await startServer({ clock: () => new Date(), config });
  await server.createOwner();
  as = await oauth.processDiscoveryResponse(new URL(ISSUER), await oauth.discoveryRequest(new URL(ISSUER), http()));
});
afterAll(async () => {
  await server.close();
  await app.close();
});

const http = () => ({ [oauth.customFetch]: fetchFrom(server) as never });

interface App {
  client: oauth.Client;
  auth: oauth.ClientAuth;
}
const web = (): App => ({ client: { client_id: 'web' }, auth: oauth.ClientSecretBasic(SECRETS.web) });
const api = (): App => ({ client: { client_id: 'api' }, auth: oauth.ClientSecretBasic(SECRETS.api) });
const spa = (): App => ({ client: { client_id: 'spa' }, auth: oauth.None() });

interface Journey {
  parameters?: Record<string, string>;
  browser?: ReturnType<typeof standardBrowser>;
  is_pushed?: boolean;
  DPoP?: oauth.DPoPHandle;
}

async function logIn({ client, auth }: App, { parameters = {}, browser = standardBrowser(server), is_pushed = false, DPoP }: Journey = {}) {
  const options = { ...http(), ...(DPoP && { DPoP }) };
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const asked = {
    client_id: client.client_id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid profile email',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  };
  let query: Record<string, string> = asked;
  if (is_pushed) {
    const answer = await oauth.pushedAuthorizationRequest(as, client, auth, asked, options);
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, answer);
    query = { client_id: client.client_id, request_uri };
  }
  const back = await browser.authorize(`${as.authorization_endpoint}?${new URLSearchParams(query)}`);
  const parameters_back = oauth.validateAuthResponse(as, client, back, state);
  const answer = await oauth.authorizationCodeGrantRequest(as, client, auth, parameters_back, CALLBACK, verifier, options);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, answer, http());
  const claims = oauth.getValidatedIdTokenClaims(tokens)!;
  return { ...tokens, claims, sub: claims.sub };
}

async function userinfo({ client }: App, { access_token, sub }: { access_token: string; sub: string }, DPoP?: oauth.DPoPHandle) {
  const answer = await oauth.userInfoRequest(as, client, access_token, { ...http(), ...(DPoP && { DPoP }) });
  return await oauth.processUserInfoResponse(as, client, sub, answer);
}

async function refresh({ client, auth }: App, refresh_token: string, DPoP?: oauth.DPoPHandle) {
  const options = { ...http(), ...(DPoP && { DPoP }) };
  const answer = await oauth.refreshTokenGrantRequest(as, client, auth, refresh_token, options);
  return await oauth.processRefreshTokenResponse(as, client, answer);
}

async function introspect({ client, auth }: App, token: string, as_jwt = false) {
  const answer = await oauth.introspectionRequest(as, client, auth, token, { ...http(), requestJwtResponse: as_jwt });
  const said = await oauth.processIntrospectionResponse(as, client, answer);
  if (as_jwt) await oauth.validateApplicationLevelSignature(as, answer, http());
  return said;
}

test('a login with code and PKCE, userinfo, and refreshes that rotate', async () => {
  const tokens = await logIn(web());
  expect(await userinfo(web(), tokens)).toMatchObject({ name: 'Ada' });
  const next = await refresh(web(), tokens.refresh_token!);
  expect(next.refresh_token).not.toBe(tokens.refresh_token);
  expect(await refresh(web(), next.refresh_token!)).toMatchObject({ scope: 'openid profile email' });
});

test('max_age asks for the time of the login, and gets it', async () => {
  const { claims } = await logIn(web(), { parameters: { max_age: '600' } });
  expect(claims.auth_time).toBeTypeOf('number');
});

test('a pushed request, by a client that signs who it is', async () => {
  const client = { client_id: 'signer', id_token_signed_response_alg: 'ES256' };
  const tokens = await logIn({ client, auth: oauth.PrivateKeyJwt({ key: private_key, kid: 'signer' }) }, { is_pushed: true });
  expect(tokens.refresh_token).toBeDefined();
});

test('tokens that are bound to a key', async () => {
  const DPoP = oauth.DPoP(spa().client, await oauth.generateKeyPair('ES256'));
  const tokens = await logIn(spa(), { is_pushed: true, DPoP });
  expect(tokens.token_type).toBe('dpop');
  expect(await userinfo(spa(), tokens, DPoP)).toMatchObject({ sub: tokens.sub });
  await expect(userinfo(spa(), tokens)).rejects.toThrow();
  expect(await refresh(spa(), tokens.refresh_token!, DPoP)).toMatchObject({ token_type: 'dpop' });
});

test('a device waits until its owner connects it', async () => {
  const tv = { client_id: 'tv' };
  const asked = await oauth.deviceAuthorizationRequest(as, tv, oauth.None(), { scope: 'openid' }, http());
  const device = await oauth.processDeviceAuthorizationResponse(as, tv, asked);
  const poll = async () =>
    oauth.processDeviceCodeResponse(as, tv, await oauth.deviceCodeGrantRequest(as, tv, oauth.None(), device.device_code, http()));
  await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' });
  await standardBrowser(server).follow(device.verification_uri_complete!);
  await new Promise((resolve) => setTimeout(resolve, device.interval! * 1000));
  const tokens = await poll();
  expect(oauth.getValidatedIdTokenClaims(tokens)!.aud).toBe('tv');
});

test('a client of its own, a resource server that reads the token itself, and one that asks', async () => {
  const { client, auth } = api();
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'write', resource: API }, http());
  const own = await oauth.processClientCredentialsResponse(as, client, answer);
  expect(await introspect(api(), own.access_token)).toMatchObject({ active: true, scope: 'write' });
  const { access_token, sub } = await logIn(web(), { parameters: { resource: API } });
  // RFC 9068 section 4
  const request = new Request(API, { headers: { authorization: `Bearer ${access_token}` } });
  expect(await oauth.validateJwtAccessToken(as, request, API, http())).toMatchObject({ sub, client_id: 'web' });
  await expect(oauth.validateJwtAccessToken(as, request, 'https://other.example.com/', http())).rejects.toThrow();
  expect(await introspect(api(), access_token)).toMatchObject({ active: true, sub });
  expect(await introspect(api(), access_token, true)).toMatchObject({ active: true, sub });
});

test('what is revoked is revoked', async () => {
  const { client, auth } = web();
  const { access_token, refresh_token } = await logIn(web());
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, refresh_token!, http()));
  await expect(refresh(web(), refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  expect(await introspect(web(), access_token)).toEqual({ active: false });
});

test('a logout ends the session, and the person is sent back', async () => {
  const browser = standardBrowser(server);
  const { id_token } = await logIn(web(), { browser });
  const query = new URLSearchParams({ id_token_hint: id_token!, post_logout_redirect_uri: GOODBYE, state: 's' });
  expect((await browser.authorize(`${as.end_session_endpoint}?${query}`)).href).toBe(`${GOODBYE}?state=s`);
  await expect(logIn(web(), { browser, parameters: { prompt: 'none' } })).rejects.toMatchObject({ error: 'login_required' });
});

test('an app that nobody registered, by the document at its client_id', async () => {
  expect(as.client_id_metadata_document_supported).toBe(true);
  const own: App = { client: { client_id: `${app.url}client.json` }, auth: oauth.None() };
  expect(await userinfo(own, await logIn(own))).toMatchObject({ name: 'Ada' });
});
