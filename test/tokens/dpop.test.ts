import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthError } from '../../src/domain/errors.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createDatabase } from '../../src/postgres/database.ts';
import { createUsedProofRepository } from '../../src/repository/used_proofs.ts';
import { createDpop } from '../../src/tokens/dpop.ts';
import { newProofKey, type ProofKey, proofFor } from '../support/clients/dpop.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ADMITTED, createTokenServices, HOME, ISSUER, newClient, post, type TokenServices } from '../support/fixtures/grants.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { credentialsOf, PUBLIC_CLIENT, registerClient, standardCode, VERIFIER } from '../support/fixtures/standard_grants.ts';

const now = NOON.getTime() / 1000;
const TOKEN_URL = `${ISSUER}/auth/token`;
const USERINFO = { htu: `${ISSUER}/auth/userinfo`, htm: 'GET' };
const BOUND = newClient({ client_id: 'bound', dpop_bound_access_tokens: true });

let services: TokenServices;
let user: User;
let key: ProofKey;
let other_key: ProofKey;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  key = await newProofKey();
  other_key = await newProofKey();
});
beforeEach(async () => {
  services = await createTokenServices(db.database);
  for (const client of [PUBLIC_CLIENT, BOUND]) await registerClient(services, db.database, client);
  user = await addPerson(db.database, { username: randomId() });
  return () => services.close();
});

async function prove(...proofs: string[]): Promise<string | null> {
  try {
    return await services.dpop.prove({ proofs, method: 'POST', path: '/auth/token' });
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}

// E12
describe('a proof is good', () => {
  for (const [story, make] of [
    ['as it is', () => proofFor(key)],
    ['10 s old', () => proofFor(key, { claims: { iat: now - 10 } })],
    ['10 s ahead', () => proofFor(key, { claims: { iat: now + 10 } })],
    ['with claims that nobody knows', () => proofFor(key, { claims: { nonce: 'x', extra: { a: 1 } } })],
    ['with a query and a fragment in htu', () => proofFor(key, { claims: { htu: `${TOKEN_URL}?a=1#b` } })],
    ['with the default port and capitals in htu', () => proofFor(key, { claims: { htu: 'HTTPS://AUTH.example.com:443/auth/token' } })],
    ['with an nbf that has come and an exp that has not', () => proofFor(key, { claims: { nbf: now - 5, exp: now + 60 } })],
  ] as [string, () => Promise<string>][]) {
    test(story, async () => {
      expect(await prove(await make())).toBe(key.jkt);
    });
  }

  for (const alg of ['EdDSA', 'PS256', 'ES384']) {
    test(`signed with ${alg}`, async () => {
      const own = await newProofKey(alg);
      expect(await prove(await proofFor(own))).toBe(own.jkt);
    });
  }
});

test('no proof proves nothing', async () => {
  expect(await prove()).toBeNull();
});

// E12
describe('a proof is refused', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const [story, make] of [
    ['that is no JWT', async () => 'not a JWT'],
    ['that is empty', async () => ''],
    ...['jti', 'htm', 'htu', 'iat'].map((name) => [`without ${name}`, () => proofFor(key, { claims: { [name]: null } })]),
    ...['typ', 'jwk'].map((name) => [`without ${name}`, () => proofFor(key, { header: { [name]: null } })]),
    ['without alg', async () => (await proofFor(key)).replace(/^[^.]*/, encode({ typ: 'dpop+jwt', jwk: key.jwk }))],
    ['with another typ', () => proofFor(key, { header: { typ: 'JWT' } })],
    ['with alg none', async () => `${encode({ alg: 'none', typ: 'dpop+jwt', jwk: key.jwk })}.${(await proofFor(key)).split('.')[1]}.`],
    ['with a bad signature', async () => `${(await proofFor(key)).slice(0, -8)}AAAAAAAA`],
    ['signed with another key than it names', () => proofFor({ ...key, jwk: other_key.jwk })],
    ['with a private key in it', () => proofFor({ ...key, jwk: key.private_jwk })],
    ['with a secret for a key', () => proofFor({ ...key, jwk: { kty: 'oct', k: 'c2VjcmV0' } })],
    ['with a critical header that nobody knows', () => proofFor(key, { header: { crit: ['x'], x: 1 } }).catch(() => 'x')],
    ['of another method', () => proofFor(key, { claims: { htm: 'GET' } })],
    ['of a method in small letters', () => proofFor(key, { claims: { htm: 'post' } })],
    ...[
      'https://evil.example/auth/token',
      `${TOKEN_URL}/`,
      `${ISSUER}/auth/userinfo`,
      'http://auth.example.com/auth/token',
      '/auth/token',
      5,
    ].map((htu) => [`of the URL ${htu}`, () => proofFor(key, { claims: { htu } })]),
    ['an hour old', () => proofFor(key, { claims: { iat: now - 3_600 } })],
    ['an hour ahead', () => proofFor(key, { claims: { iat: now + 3_600 } })],
    ['with an iat in words', () => proofFor(key, { claims: { iat: 'now' } })],
    ['that has expired', () => proofFor(key, { claims: { exp: now - 300 } })],
    ['that is not yet good', () => proofFor(key, { claims: { nbf: now + 300 } })],
    ['with an empty jti', () => proofFor(key, { claims: { jti: '' } })],
    ['with a jti that is a number', () => proofFor(key, { claims: { jti: 5 } })],
    ['with an endless jti', () => proofFor(key, { claims: { jti: 'x'.repeat(300) } })],
    ['of 10 kB', () => proofFor(key, { claims: { extra: 'x'.repeat(10_000) } })],
  ] as [string, () => Promise<string>][]) {
    test(story, async () => {
      expect(await prove(await make())).toBe('invalid_dpop_proof');
    });
  }

  test('signed with RS256', async () => {
    expect(await prove(await proofFor(await newProofKey('RS256')))).toBe('invalid_dpop_proof');
  });

  test('when another one comes with it', async () => {
    expect(await prove(await proofFor(key), await proofFor(key))).toBe('invalid_dpop_proof');
  });

  test('the second time, on whichever replica, and of 10 at once one is good', async () => {
    const other = createDatabase({ connection: db.connection, on_error: () => {} });
    const replica = createDpop({ usedProofs: createUsedProofRepository(other), clock: services.time.clock, public_url: ISSUER });
    const proof = await proofFor(key);
    const request = { proofs: [proof], method: 'POST', path: '/auth/token' };
    const answers = await Promise.allSettled(Array.from({ length: 10 }, (_, turn) => (turn % 2 ? services.dpop : replica).prove(request)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await prove(proof)).toBe('invalid_dpop_proof');
    // The same jti of another key is another proof.
    const jti = randomId();
    expect(await prove(await proofFor(key, { claims: { jti } }))).toBe(key.jkt);
    expect(await prove(await proofFor(other_key, { claims: { jti } }))).toBe(other_key.jkt);
    await other.close();
  });
});

describe('tokens that are bound to a key', () => {
  async function trade(client = PUBLIC_CLIENT, proof?: string, standard: { dpop_jkt?: string } = {}) {
    const code = await standardCode(services, db.database, user, client, standard);
    const form = { grant_type: 'authorization_code', code, code_verifier: VERIFIER, ...credentialsOf(client) };
    return await post(services, form, HOME, ADMITTED, { dpop: proof === undefined ? [] : [proof] });
  }

  async function again(refresh_token: string, client = PUBLIC_CLIENT, proof?: string) {
    const form = { grant_type: 'refresh_token', refresh_token, ...credentialsOf(client) };
    return await post(services, form, HOME, ADMITTED, { dpop: proof === undefined ? [] : [proof] });
  }

  async function userinfo(access_token: string, proof: string | undefined, scheme: 'Bearer' | 'DPoP' = 'DPoP') {
    const proofs = proof === undefined ? [] : [proof];
    try {
      const asked = { scheme, access_token, method: 'GET', path: '/auth/userinfo', proofs, remote_address: HOME };
      return (await services.userinfo.answer(asked)).claims;
    } catch (error) {
      if (error instanceof AuthError) return error.code;
      throw error;
    }
  }

  test('say so, and open userinfo to the holder of the key alone', async () => {
    const { access_token, token_type } = (await trade(PUBLIC_CLIENT, await proofFor(key))) as TokenSet;
    expect(token_type).toBe('DPoP');
    expect(services.accessTokens.read(access_token)?.cnf).toEqual({ jkt: key.jkt });
    const good = () => proofFor(key, { claims: USERINFO, access_token });
    for (const [proof, scheme, want] of [
      [undefined, 'DPoP', 'invalid_dpop_proof'],
      [await good(), 'Bearer', 'invalid_token'],
      [undefined, 'Bearer', 'invalid_token'],
      [await proofFor(other_key, { claims: USERINFO, access_token }), 'DPoP', 'invalid_token'],
      [await proofFor(key, { claims: USERINFO }), 'DPoP', 'invalid_dpop_proof'],
      [await proofFor(key, { claims: USERINFO, access_token: 'another' }), 'DPoP', 'invalid_dpop_proof'],
      [await proofFor(key, { claims: { ...USERINFO, htm: 'POST' }, access_token }), 'DPoP', 'invalid_dpop_proof'],
    ] as const) {
      expect(await userinfo(access_token, proof, scheme)).toBe(want);
    }
    expect(await userinfo(access_token, await good())).toMatchObject({ sub: user.id });
    expect(await services.bearer.authenticate(access_token, HOME)).toBeNull();
    expect(await services.bearer.authenticate(access_token, HOME, key.jkt)).not.toBeNull();
  });

  test('are not those without a binding: a proof opens nothing then', async () => {
    const { access_token } = (await trade()) as TokenSet;
    expect(await userinfo(access_token, await proofFor(key, { claims: USERINFO, access_token }))).toBe('invalid_token');
  });

  test('a public client refreshes with the same key only', async () => {
    const { refresh_token } = (await trade(PUBLIC_CLIENT, await proofFor(key))) as TokenSet;
    for (const proof of [undefined, await proofFor(other_key)]) {
      expect(await again(refresh_token!, PUBLIC_CLIENT, proof)).toMatch(/^invalid_grant/);
    }
    const answer = (await again(refresh_token!, PUBLIC_CLIENT, await proofFor(key))) as TokenSet;
    expect(answer.token_type).toBe('DPoP');
    // Past the grace time, a thief without the key harms nobody with the old one.
    services.time.advance(11);
    expect(await again(refresh_token!, PUBLIC_CLIENT, await proofFor(other_key, { now: services.time.clock() }))).toMatch(/^invalid_grant/);
    expect(await again(answer.refresh_token!, PUBLIC_CLIENT, await proofFor(key, { now: services.time.clock() }))).toBeTypeOf('object');
  });

  test('a confidential client may change its key with every refresh', async () => {
    const { refresh_token } = (await trade(BOUND, await proofFor(key))) as TokenSet;
    const answer = (await again(refresh_token!, BOUND, await proofFor(other_key))) as TokenSet;
    expect(services.accessTokens.read(answer.access_token)?.cnf).toEqual({ jkt: other_key.jkt });
  });

  test('a client that binds its tokens gets none without a proof, and its code stays valid', async () => {
    expect(await trade(BOUND)).toBe('invalid_dpop_proof: The client must send a DPoP proof');
  });

  test('a code that was bound when it was asked for is traded by that key only', async () => {
    expect(await trade(PUBLIC_CLIENT, await proofFor(key), { dpop_jkt: key.jkt })).toMatchObject({ token_type: 'DPoP' });
    expect(await trade(PUBLIC_CLIENT, await proofFor(other_key), { dpop_jkt: key.jkt })).toBe(
      'invalid_grant: The code is bound to another key',
    );
    expect(await trade(PUBLIC_CLIENT, undefined, { dpop_jkt: key.jkt })).toBe('invalid_grant: The code is bound to another key');
  });
});
