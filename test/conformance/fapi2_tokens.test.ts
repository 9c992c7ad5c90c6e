// The modules of the FAPI 2.0 security profile about refresh tokens, signed clients and keys that
// clients hold. Re-implementations of the checks, not run through the suite. Each test begins with
// the name of its module.
import { exportJWK, exportPKCS8, generateKeyPair, importPKCS8, SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { epochSeconds } from '../../src/domain/clock.ts';
import { newProofKey, type ProofKey } from '../support/clients/dpop.ts';
import { ISSUER } from '../support/clients/standard_browser.ts';
import { type Fapi2, type How, startFapi2 } from '../support/fixtures/fapi2.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const f = perFile(() => startFapi2());
beforeEach(() => f.server.advance(1));

const now = () => epochSeconds(f.server.clock());
const USERINFO = { htm: 'GET', htu: `${ISSUER}/auth/userinfo` };
const ofUserinfo = (access_token: string, key = f.one.key) => f.proof(key, { claims: USERINFO, access_token });

test('refresh-token', async () => {
  const first = await f.tokens();
  const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token };
  const foreign = await f.token(form, { as: f.two });
  expect([foreign.statusCode, foreign.json().error]).toEqual([400, 'invalid_grant']);
  const nobody = await f.token({ ...form, client_id: 'one' }, { assertion: null });
  expect([nobody.statusCode, nobody.json().error]).toEqual([401, 'invalid_client']);
  const next = (await f.token(form)).json();
  expect(next.access_token).not.toBe(first.access_token);
  const claims = await f.checkIdToken(next.id_token, f.one, undefined);
  expect(claims).toMatchObject({ sub: first.claims.sub, aud: first.claims.aud, auth_time: first.claims.auth_time });
  // ValidateRefreshTokenNotRotated: the first one stays, also after the grace time.
  expect(next).not.toHaveProperty('refresh_token');
  f.server.advance(60);
  expect((await f.token(form)).json()).not.toHaveProperty('refresh_token');
});

test('access-token-type-header-case-sensitivity', async () => {
  const { access_token } = await f.tokens();
  for (const scheme of ['DPoP', 'dpop', 'DPOP', 'dPoP']) {
    expect((await f.userinfo(`${scheme} ${access_token}`, [await ofUserinfo(access_token)])).statusCode).toBe(200);
  }
});

describe('a client that signs who it is', () => {
  const refused: [string, How][] = [
    ['ensure-client-assertion-in-token-endpoint', { assertion: null }],
    ['ensure-client-assertion-with-exp-is-5-minutes-in-past-fails', { claims: { exp: -300 } }],
    ['ensure-client-assertion-with-wrong-aud-fails', { claims: { aud: 'https://other.example.com' } }],
    ['ensure-client-assertion-with-no-sub-fails', { claims: { sub: null } }],
  ];
  test.each(refused)('%s', async (_module, how) => {
    const claims = how.claims && 'exp' in how.claims ? { claims: { exp: now() - 300, iat: now() - 360 } } : {};
    const answer = await f.trade(await f.code(), { client_id: 'one' }, { ...how, ...claims });
    expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client']);
  });

  test('ensure-signed-client-assertion-with-RS256-fails', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const rsa = { ...(await exportJWK(publicKey)), kid: 'one' };
    const row = f.server.container.database.kysely.updateTable('clients').where('client_id', '=', 'one');
    const { jwks } = await f.server.container.clients.get('one');
    await row.set({ jwks: JSON.stringify({ keys: [rsa] }) }).execute();
    const signed = async (alg: string) => {
      const claims = { iss: 'one', sub: 'one', aud: ISSUER, jti: alg, iat: now(), exp: now() + 60 };
      const key = await importPKCS8(await exportPKCS8(privateKey), alg);
      return await new SignJWT(claims).setProtectedHeader({ alg, kid: 'one' }).sign(key);
    };
    const answer = await f.push({}, { assertion: await signed('RS256') });
    expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client']);
    // The same key, by an algorithm of the profile.
    expect((await f.push({}, { assertion: await signed('PS256') })).statusCode).toBe(201);
    await row.set({ jwks: JSON.stringify(jwks) }).execute();
  });

  test('par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted', async () => {
    expect((await f.push({}, { claims: { nbf: now() + 8, iat: now() + 8 } })).statusCode).toBe(201);
  });

  test.each<[string, () => Record<string, unknown>]>([
    ['par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails', () => ({ nbf: now() + 70 })],
    ['par-test-array-as-audience-fails', () => ({ aud: [ISSUER, `${ISSUER}/auth/token`] })],
    ['array of one', () => ({ aud: [ISSUER] })],
    ['par-test-par-endpoint-url-as-audience-fails', () => ({ aud: `${ISSUER}/auth/par` })],
    ['par-test-token-endpoint-url-as-audience-fails', () => ({ aud: `${ISSUER}/auth/token` })],
  ])('%s', async (_module, claims) => {
    const answer = await f.push({}, { claims: claims() });
    expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client']);
  });
});

describe('a key that the client holds', () => {
  const refusedAtToken = async (code: string, how: How, error: string) => {
    const answer = await f.trade(code, {}, how);
    expect([answer.statusCode, answer.json().error]).toEqual([400, error]);
  };

  test('ensure-holder-of-key-required', async () => {
    await refusedAtToken(await f.code(), { proofs: [] }, 'invalid_dpop_proof');
  });

  test('check-dpop-proof-nbf-exp', async () => {
    for (const claims of [{ nbf: now() + 300 }, { exp: now() - 300 }]) {
      await refusedAtToken(await f.code(), { proofs: [await f.proof(f.one.key, { claims })] }, 'invalid_dpop_proof');
    }
    const good = await f.proof(f.one.key, { claims: { nbf: now() - 5, exp: now() + 60 } });
    expect((await f.trade(await f.code(), {}, { proofs: [good] })).statusCode).toBe(200);
  });

  test.each([
    ['ensure-dpopproof-with-iat-10seconds-before-succeeds', -10],
    ['ensure-dpopproof-with-iat-10seconds-after-succeeds', 10],
  ])('%s', async (_module, seconds) => {
    const proof = await f.proof(f.one.key, { claims: { iat: now() + seconds } });
    expect((await f.trade(await f.code(), {}, { proofs: [proof] })).statusCode).toBe(200);
  });

  const ofPar = (key: ProofKey) => f.proof(key, { claims: { htu: `${ISSUER}/auth/par` } });

  test('ensure-mismatched-dpop-jkt-fails', async () => {
    const answer = await f.push({ dpop_jkt: f.two.key.jkt }, { proofs: [await ofPar(f.one.key)] });
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_dpop_proof']);
  });

  test('ensure-token-endpoint-fails-with-mismatched-dpop-jkt', async () => {
    await refusedAtToken(await f.code({ dpop_jkt: f.two.key.jkt }), {}, 'invalid_grant');
  });

  test('ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt', async () => {
    await refusedAtToken(await f.code({}, { proofs: [await ofPar(f.two.key)] }), {}, 'invalid_grant');
  });

  test('ensure-dpop-auth-code-binding-success', async () => {
    expect((await f.trade(await f.code({ dpop_jkt: f.one.key.jkt }))).statusCode).toBe(200);
  });

  test('ensure-dpopproof-at-par-endpoint-binding-success', async () => {
    expect((await f.trade(await f.code({}, { proofs: [await ofPar(f.one.key)] }))).statusCode).toBe(200);
  });
});

// E12
test('dpop-negative-tests', async () => {
  const { access_token } = await f.tokens();
  const key = f.one.key;
  const [stranger, rsa] = [await newProofKey(), await newProofKey('RS256')];
  const make = (differences: Parameters<Fapi2['proof']>[1] = {}, by = key) =>
    f.proof(by, { access_token, ...differences, claims: { ...USERINFO, ...differences.claims } });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const refused: [string, () => Promise<string[]>][] = [
    ['two proofs', async () => [await make(), await make()]],
    ['none', async () => []],
    ['what is no JWT', async () => ['not a JWT']],
    ...['jti', 'htm', 'htu', 'iat', 'ath'].map((name): [string, () => Promise<string[]>] => [
      `no ${name}`,
      async () => [await make({ claims: { [name]: null } })],
    ]),
    ...['typ', 'jwk'].map((name): [string, () => Promise<string[]>] => [
      `no ${name}`,
      async () => [await make({ header: { [name]: null } })],
    ]),
    ['no alg', async () => [(await make()).replace(/^[^.]*/, encode({ typ: 'dpop+jwt', jwk: key.jwk }))]],
    ['another typ', async () => [await make({ header: { typ: 'JWT' } })]],
    ['alg none', async () => [(await make()).replace(/^[^.]*/, encode({ alg: 'none', typ: 'dpop+jwt', jwk: key.jwk }))]],
    ['RS256', async () => [await make({}, rsa)]],
    ['a bad signature', async () => [`${(await make()).slice(0, -8)}AAAAAAAA`]],
    ['a private key', async () => [await make({}, { ...key, jwk: key.private_jwk })]],
    ['another method', async () => [await make({ claims: { htm: 'POST' } })]],
    ['another URL', async () => [await make({ claims: { htu: `${ISSUER}/auth/token` } })]],
    ['an hour ago', async () => [await make({ claims: { iat: now() - 3600 } })]],
    ['in an hour', async () => [await make({ claims: { iat: now() + 3600 } })]],
    ['another ath', async () => [await make({ claims: { ath: encode('x') } })]],
    ['another key', async () => [await make({}, stranger)]],
  ];
  for (const [story, proofs] of refused) {
    const answer = await f.userinfo(`DPoP ${access_token}`, await proofs());
    expect([story, answer.statusCode]).toEqual([story, 401]);
    expect([story, answer.headers['www-authenticate']]).toEqual([story, expect.stringMatching(/^DPoP error="invalid_(dpop_proof|token)"/)]);
  }
  expect((await f.userinfo(`Bearer ${access_token}`, [await make()])).statusCode).toBe(401);
  const accepted: [string, Parameters<Fapi2['proof']>[1]][] = [
    ['a query', { claims: { htu: `${USERINFO.htu}?a=1` } }],
    ['a fragment', { claims: { htu: `${USERINFO.htu}#a` } }],
    ['capitals', { claims: { htu: 'HTTPS://AUTH.Example.com/auth/userinfo' } }],
    ['the default port', { claims: { htu: 'https://auth.example.com:443/auth/userinfo' } }],
    ['claims of its own', { claims: { extra: { a: 1 } } }],
  ];
  for (const [story, differences] of accepted) {
    expect([story, (await f.userinfo(`DPoP ${access_token}`, [await make(differences)])).statusCode]).toEqual([story, 200]);
  }
  const proof = await make();
  expect((await f.userinfo(`DPoP ${access_token}`, [proof])).statusCode).toBe(200);
  expect((await f.userinfo(`DPoP ${access_token}`, [proof])).statusCode).toBe(401);
});
