// Client libraries meet a server that asks for nonces (RFC 9449 sections 8 and 9), at two replicas
// in turn: openid-client, which tries again with the nonce by itself, and oauth4webapi, which
// leaves that to the app.
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchFrom, ISSUER, standardBrowser } from '../support/clients/standard_browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';

let db: TestDatabase;
let replicas: TestServer[];
/** Status and path of every answer so far. */
let answers: string[];

beforeAll(async () => {
  db = await createTestDatabase();
  const clients = [{ client_id: 'spa', redirect_uris: [CALLBACK], dpop_bound_access_tokens: true, trusted: true }];
  const options = { database: db.database, clock: () => new Date(), config: { clients, dpop: { require_nonce: true } } };
  replicas = [await startServer(options), await startServer(options)];
  await replicas[0]!.createOwner();
});
afterAll(async () => {
  for (const server of replicas ?? []) await server.close();
  await db?.close();
});

/** Every request goes to the other replica than the one before. */
function fetchInTurn() {
  answers = [];
  const ways = replicas.map(fetchFrom);
  return async (url: string, init: object): Promise<Response> => {
    const answer = await ways[answers.length % ways.length]!(url, init);
    answers.push(`${answer.status} ${new URL(url).pathname}`);
    return answer;
  };
}

test('openid-client needs one more request, once', async () => {
  const rp = await client.discovery(new URL(ISSUER), 'spa', {}, client.None(), { [client.customFetch]: fetchInTurn() });
  const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair());
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const asked = {
    ...{ redirect_uri: CALLBACK, scope: 'openid profile offline_access', state: expectedState, nonce: expectedNonce },
    ...{ code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256' },
  };
  const back = await standardBrowser(replicas[0]!).authorize(await client.buildAuthorizationUrlWithPAR(rp, asked, { DPoP }));
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(rp, back, checks, undefined, { DPoP });
  const { sub } = tokens.claims()!;
  expect(await client.fetchUserInfo(rp, tokens.access_token, sub, { DPoP })).toMatchObject({ sub, name: 'Ada' });
  const next = await client.refreshTokenGrant(rp, tokens.refresh_token!, {}, { DPoP });
  expect(await client.fetchUserInfo(rp, next.access_token, sub, { DPoP })).toMatchObject({ sub });
  expect(answers.filter((answer) => /^[45]/.test(answer))).toEqual(['400 /auth/par']);
  // Another key of the app has heard of no nonce yet, and a resource asks for it just as well.
  const anew = client.getDPoPHandle(rp, await client.randomDPoPKeyPair());
  await expect(client.fetchUserInfo(rp, next.access_token, sub, { DPoP: anew })).rejects.toThrow();
  expect(answers.slice(-2)).toEqual(['401 /auth/userinfo', '401 /auth/userinfo']);
});

test('oauth4webapi understands the challenge, at the token endpoint and at a resource', async () => {
  const http = { [oauth.customFetch]: fetchInTurn() as never };
  const as = await oauth.processDiscoveryResponse(new URL(ISSUER), await oauth.discoveryRequest(new URL(ISSUER), http));
  const app: oauth.Client = { client_id: 'spa' };
  const keys = await oauth.generateKeyPair('ES256');
  const newHandle = () => oauth.DPoP(app, keys);
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const query = new URLSearchParams({
    ...{ client_id: 'spa', redirect_uri: CALLBACK, response_type: 'code', scope: 'openid', state },
    ...{ code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
  });
  const back = await standardBrowser(replicas[1]!).authorize(`${as.authorization_endpoint}?${query}`);
  const parameters = oauth.validateAuthResponse(as, app, back, state);
  const trade = async (DPoP: oauth.DPoPHandle) => {
    const answer = await oauth.authorizationCodeGrantRequest(as, app, oauth.None(), parameters, CALLBACK, verifier, { ...http, DPoP });
    return await oauth.processAuthorizationCodeResponse(as, app, answer);
  };
  const at_token_endpoint = newHandle();
  expect(oauth.isDPoPNonceError(await trade(at_token_endpoint).catch((error) => error))).toBe(true);
  const { access_token } = await trade(at_token_endpoint);
  const ask = async (DPoP: oauth.DPoPHandle) =>
    await oauth.processUserInfoResponse(
      as,
      app,
      oauth.skipSubjectCheck,
      await oauth.userInfoRequest(as, app, access_token, { ...http, DPoP }),
    );
  const at_resource = newHandle();
  expect(oauth.isDPoPNonceError(await ask(at_resource).catch((error) => error))).toBe(true);
  expect(await ask(at_resource)).toMatchObject({ sub: expect.any(String) });
});
