// Two clients of the FAPI 2.0 security profile at one server: they push every request, sign who they are, and hold a key. The browser is the owner's.
// What must hold of every answer is checked here, so that no test of the profile can forget it.
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { expect } from 'vitest';
import { epochSeconds } from '../../src/domain/clock.ts';
import { randomId } from '../../src/domain/secret.ts';
import { ASSERTION_TYPE } from '../../src/oauth/client_assertion.ts';
import { newProofKey, type ProofKey, proofFor } from './dpop.ts';
import { startServer } from './server.ts';
import { type Answers, ISSUER, standardBrowser } from './standard_browser.ts';
import { CHALLENGE, VERIFIER } from './standard_grants.ts';

export interface Signer {
  client_id: string;
  redirect_uri: string;
  private_key: CryptoKey;
  /** For a request object or proofs. */
  key: ProofKey;
  jwk: JWK;
}

/** `undefined` leaves a parameter out. */
export type Fields = Record<string, string | undefined>;

export interface How {
  as?: Signer;
  /** Of the client assertion; null leaves a claim out. */
  claims?: Record<string, unknown>;
  /** A whole assertion; null: none. */
  assertion?: string | null;
  /** DPoP headers; by default one of the client's key at the token endpoint, and none where a request is pushed. */
  proofs?: string[];
}

export type Fapi2 = Awaited<ReturnType<typeof startFapi2>>;

export async function startFapi2() {
  const [one, two] = [await newSigner('one'), await newSigner('two')];
  const clients = [one, two].map(({ client_id, redirect_uri, jwk }) => ({
    client_id,
    redirect_uris: [redirect_uri],
    jwks: { keys: [jwk] },
    profile: 'fapi2',
  }));
  const server = await startServer({ config: { clients, http: { ip_ban_enabled: false } } });
  await server.createOwner();
  const browser = standardBrowser(server);
  const now = () => epochSeconds(server.clock());

  async function assertionOf({ client_id, private_key }: Signer, claims: Record<string, unknown> = {}): Promise<string> {
    const all = { iss: client_id, sub: client_id, aud: ISSUER, jti: randomId(), iat: now(), exp: now() + 60, ...claims };
    const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    return await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: client_id }).sign(private_key);
  }

  async function post(url: string, form: Fields, { as = one, claims, assertion, proofs = [] }: How) {
    const signed = assertion === undefined ? await assertionOf(as, claims) : assertion;
    const proof = signed !== null && { client_assertion: signed, client_assertion_type: ASSERTION_TYPE };
    return await server.inject({
      method: 'POST',
      url,
      form: present({ ...form, ...proof }),
      headers: proofs.length > 0 ? { dpop: proofs } : {},
    });
  }

  const requestOf = (as: Signer): Fields => ({
    client_id: as.client_id,
    redirect_uri: as.redirect_uri,
    response_type: 'code',
    scope: 'openid profile',
    state: 'a state',
    nonce: 'a nonce',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  });

  async function push(fields: Fields = {}, how: How = {}) {
    return await post('/auth/par', { ...requestOf(how.as ?? one), ...fields }, how);
  }

  async function pushed(fields: Fields = {}, how: How = {}): Promise<string> {
    const answer = await push(fields, how);
    expect([answer.statusCode, answer.body]).toEqual([201, expect.stringContaining('request_uri')]);
    expect(answer.json()).toEqual({ request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:/), expires_in: 595 });
    return answer.json().request_uri;
  }

  const urlOf = (fields: Fields) => `${ISSUER}/auth/authorize?${new URLSearchParams(present(fields))}`;

  /** Opens a pushed request in the owner's browser. */
  async function open(request_uri: string, { as = one, answers = {} }: { as?: Signer; answers?: Answers } = {}) {
    return await browser.follow(urlOf({ client_id: as.client_id, request_uri }), answers);
  }

  /** The code at the end of a good request. */
  async function code(fields: Fields = {}, how: How = {}): Promise<string> {
    const as = how.as ?? one;
    const { location } = await open(await pushed(fields, how), { as });
    return checkResponse(location, as, 'state' in fields ? fields.state : 'a state');
  }

  async function proof(key: ProofKey, differences: Parameters<typeof proofFor>[1] = {}): Promise<string> {
    return await proofFor(key, { now: server.clock(), ...differences });
  }

  async function token(form: Fields, how: How = {}) {
    const proofs = how.proofs ?? [await proof((how.as ?? one).key)];
    const answer = await post('/auth/token', form, { ...how, proofs });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': expect.stringMatching(/^application\/json/) });
    if (answer.statusCode !== 200) checkError(answer.statusCode, answer.json());
    return answer;
  }

  async function trade(code: string, form: Fields = {}, how: How = {}) {
    const { redirect_uri } = how.as ?? one;
    return await token({ grant_type: 'authorization_code', code, code_verifier: VERIFIER, redirect_uri, ...form }, how);
  }

  /** Tokens, and what their ID token says. */
  async function tokens(fields: Fields = {}, how: How = {}) {
    const answer = await trade(await code(fields, how), {}, how);
    expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
    const set = answer.json() as { access_token: string; refresh_token: string; id_token: string; token_type: string };
    const nonce = 'nonce' in fields ? fields.nonce : 'a nonce';
    return { ...set, claims: await checkIdToken(set.id_token, how.as ?? one, nonce) };
  }

  /** Every check that an ID token must stand, whatever the test is about. */
  async function checkIdToken(id_token: string, { client_id }: Signer, nonce: string | undefined): Promise<JWTPayload> {
    const keys = createLocalJWKSet((await server.inject({ url: '/.well-known/jwks.json' })).json());
    const { payload, protectedHeader } = await jwtVerify(id_token, keys, {
      issuer: ISSUER,
      audience: client_id,
      currentDate: server.clock(),
    });
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: expect.any(String) });
    expect(payload.sub).toMatch(/./);
    expect(payload.nonce).toBe(nonce);
    expect(Math.abs(payload.iat! - now())).toBeLessThan(300);
    expect(payload.exp! - now()).toBeLessThan(50 * 365 * 86_400);
    return payload;
  }

  async function userinfo(authorization: string, proofs: string[]) {
    return await server.inject({ url: '/auth/userinfo', headers: { authorization, ...(proofs.length > 0 && { dpop: proofs }) } });
  }

  return {
    ...{ server, browser, one, two, assertionOf, push, pushed, urlOf, open, code, proof, token, trade, tokens, checkIdToken, userinfo },
    close: () => server.close(),
  };
}

async function newSigner(client_id: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: client_id };
  return { client_id, redirect_uri: `https://${client_id}.example.com/cb`, private_key: privateKey, key: await newProofKey(), jwk };
}

function present(fields: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The code in the query of the client's own redirect URI, with exactly what belongs there. */
export function checkResponse(location: URL | null, { redirect_uri }: Signer, state: string | undefined): string {
  expect(location?.href.split('?')[0]).toBe(redirect_uri);
  expect(location!.hash).toBe('');
  const { code, ...others } = Object.fromEntries(location!.searchParams);
  expect(others).toEqual({ iss: ISSUER, ...(state !== undefined && { state }) });
  expect(code).toMatch(/^[\w-]{22,}$/);
  expect(entropy(code!)).toBeGreaterThanOrEqual(96);
  return code!;
}

/** Shannon's, of the whole text, in bits. */
function entropy(text: string): number {
  const counts = [...text].reduce((map, letter) => map.set(letter, (map.get(letter) ?? 0) + 1), new Map<string, number>());
  return [...counts.values()].reduce((sum, count) => sum - count * Math.log2(count / text.length), 0);
}

/** RFC 6749 section 5.2. */
function checkError(status: number, body: { error: string; error_description?: string }): void {
  expect(status).toBe(body.error === 'invalid_client' ? 401 : 400);
  expect(body.error_description ?? '').toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]*$/);
}
