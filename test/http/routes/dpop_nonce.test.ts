// RFC 9449 sections 8 and 9 over HTTP: a proof without a fresh nonce is answered with one, by any
// of two replicas, and needs no other help.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../../src/domain/clock.ts';
import { randomId } from '../../../src/domain/secret.ts';
import { createAuthorizationCodeRepository } from '../../../src/repository/authorization_codes.ts';
import { NONCE_WINDOW } from '../../../src/tokens/dpop_nonce.ts';
import { newProofKey, type ProofKey, proofFor } from '../../support/clients/dpop.ts';
import { createTestDatabase, type TestDatabase } from '../../support/fixtures/database.ts';
import { ISSUER, loginOf } from '../../support/fixtures/grants.ts';
import { createReleasedCodes } from '../../support/fixtures/released_codes.ts';
import { CLIENT_ID, REMOTE_ADDRESS, startServer, type TestServer } from '../../support/fixtures/server.ts';
import { CHALLENGE, VERIFIER } from '../../support/fixtures/standard_grants.ts';

const ORIGIN = 'https://spa.example.com';
const CALLBACK = `${ORIGIN}/callback`;
const clients = [{ client_id: 'spa', redirect_uris: [CALLBACK], trusted: true }];
const EXPOSED = { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': 'DPoP-Nonce, WWW-Authenticate' };

let db: TestDatabase;
let one: TestServer;
let other: TestServer;
let key: ProofKey;
let now = new Date('2026-03-14T12:00:00.000Z');

beforeAll(async () => {
  db = await createTestDatabase();
  const options = { database: db.database, clock: () => now, config: { clients, dpop: { require_nonce: true } } };
  [one, other] = [await startServer(options), await startServer(options)];
  await one.createOwner();
  key = await newProofKey();
});
afterAll(async () => {
  await one?.close();
  await other?.close();
  await db?.close();
});

async function newCode({ container }: TestServer): Promise<string> {
  const codes = createReleasedCodes({
    authorizationCodes: createAuthorizationCodeRepository(container.database),
    clock: container.clock,
    lifetime: 60,
  });
  const owner = await container.database.kysely.selectFrom('users').selectAll().where('is_owner', '=', true).executeTakeFirstOrThrow();
  const facts = { scope: ['openid'], resource: [], nonce: null, claims: null, sid: null, dpop_jkt: null };
  const login = { client_id: 'spa', redirect_uri: CALLBACK, code_challenge: CHALLENGE, auth_time: container.clock(), standard: facts };
  return await codes.issue(await loginOf(container.database, owner, login));
}

const proof = (nonce?: string, claims: Record<string, unknown> = {}, access_token?: string) =>
  proofFor(key, { now, claims: { ...(nonce !== undefined && { nonce }), ...claims }, ...(access_token !== undefined && { access_token }) });

const trade = async (server: TestServer, code: string, dpop?: string) =>
  await server.inject({
    method: 'POST',
    url: '/auth/token',
    form: { grant_type: 'authorization_code', client_id: 'spa', redirect_uri: CALLBACK, code, code_verifier: VERIFIER },
    headers: { origin: ORIGIN, ...(dpop !== undefined && { dpop }) },
  });

const userinfo = async (server: TestServer, access_token: string, nonce?: string) =>
  await server.inject({
    url: '/auth/userinfo',
    headers: {
      origin: ORIGIN,
      authorization: `DPoP ${access_token}`,
      dpop: await proof(nonce, { htm: 'GET', htu: `${ISSUER}/auth/userinfo` }, access_token),
    },
  });

const nonceOf = ({ headers }: { headers: Record<string, unknown> }) => String(headers['dpop-nonce']);

describe('where nonces are required', () => {
  it('the token endpoint asks for one, which any replica takes; the code stays valid, and nobody is counted as guessing', async () => {
    const code = await newCode(one);
    const answer = await trade(one, code, await proof());
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'use_dpop_nonce']);
    expect(answer.headers).toMatchObject({ 'dpop-nonce': expect.stringMatching(/^[\w-]+$/), ...EXPOSED });
    const tokens = await trade(other, code, await proof(nonceOf(answer)));
    expect(tokens.json()).toMatchObject({ token_type: 'DPoP' });
    expect(tokens.headers).toMatchObject({ 'dpop-nonce': nonceOf(answer), ...EXPOSED });
    for (let count = 0; count < 12; count++) await trade(one, 'x', await proof());
    expect(await one.container.throttle.isBanned(REMOTE_ADDRESS)).toBe(false);
    await one.container.audit.flush();
    const { items } = await one.container.audit.list({ limit: 200, cursor: null });
    expect(items.filter(({ type }) => type === 'request.refused')).toEqual([]);
  });

  it('userinfo asks for one as a resource does, and tells the next one with its answer', async () => {
    const start = await trade(one, await newCode(one), await proof());
    const { access_token } = (await trade(one, await newCode(one), await proof(nonceOf(start)))).json();
    const refused = await userinfo(other, access_token);
    expect([refused.statusCode, refused.json().error]).toEqual([401, 'use_dpop_nonce']);
    expect(refused.headers).toMatchObject({
      'www-authenticate': 'DPoP error="use_dpop_nonce", error_description="The DPoP proof must name the nonce of DPoP-Nonce"',
      'dpop-nonce': expect.any(String),
      ...EXPOSED,
    });
    const answer = await userinfo(one, access_token, nonceOf(refused));
    expect([answer.statusCode, nonceOf(answer)]).toEqual([200, nonceOf(refused)]);
  });

  it('a pushed request is asked for one too', async () => {
    const push = async (nonce?: string) =>
      await one.inject({
        method: 'POST',
        url: '/auth/par',
        headers: { dpop: await proof(nonce, { htu: `${ISSUER}/auth/par` }) },
        form: {
          ...{ client_id: 'spa', redirect_uri: CALLBACK, response_type: 'code', scope: 'openid', state: 's' },
          ...{ code_challenge: CHALLENGE, code_challenge_method: 'S256' },
        },
      });
    const refused = await push();
    expect([refused.statusCode, refused.json().error]).toEqual([400, 'use_dpop_nonce']);
    expect((await push(nonceOf(refused))).statusCode).toBe(201);
  });

  it('one is valid for a few minutes, and a client that continues gets the next in time', async () => {
    let nonce = nonceOf(await trade(one, 'x', await proof()));
    const first = nonce;
    for (let window = 0; window < 3; window++) {
      const answer = await trade(window % 2 ? one : other, await newCode(one), await proof(nonce));
      expect(answer.statusCode).toBe(200);
      nonce = nonceOf(answer);
      now = new Date(now.getTime() + NONCE_WINDOW * 1000);
    }
    expect(nonce).not.toBe(first);
    expect((await trade(one, await newCode(one), await proof(first))).json().error).toBe('use_dpop_nonce');
  });

  it('a proof that is bad in other ways is refused for that, and used up by its use alone', async () => {
    const nonce = nonceOf(await trade(one, 'x', await proof()));
    expect((await trade(one, 'x', await proof(undefined, { htm: 'GET' }))).json().error).toBe('invalid_dpop_proof');
    const jti = randomId();
    expect((await trade(one, await newCode(one), await proof(undefined, { jti }))).json().error).toBe('use_dpop_nonce');
    const used = await proof(nonce, { jti, iat: epochSeconds(now) });
    expect((await trade(one, await newCode(one), used)).statusCode).toBe(200);
    expect((await trade(other, await newCode(one), used)).json().error).toBe('invalid_dpop_proof');
  });

  it('anyone who sends no proof hears nothing of nonces', async () => {
    const standard = await trade(one, await newCode(one));
    const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: await one.login() };
    const home_assistant = await one.inject({ method: 'POST', url: '/auth/token', form, headers: { origin: ORIGIN } });
    for (const { statusCode, headers } of [standard, home_assistant]) {
      expect(statusCode).toBe(200);
      expect(Object.keys(headers)).not.toContain('dpop-nonce');
      expect(Object.keys(headers)).not.toContain('access-control-expose-headers');
    }
  });
});

it('where none are required, none are spoken of, and any is taken', async () => {
  const server = await startServer({ database: db.database, clock: () => now, config: { clients } });
  const answer = await trade(server, await newCode(server), await proof('of another server'));
  expect([answer.statusCode, answer.headers['dpop-nonce']]).toEqual([200, undefined]);
  await server.close();
});
