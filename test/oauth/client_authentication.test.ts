import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { epochSeconds } from '../../src/domain/clock.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { ASSERTION_TYPE } from '../../src/oauth/client_assertion.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createClientSecretHash } from '../../src/tokens/client_secret.ts';
import { respond, startStranger } from '../support/fakes/stranger.ts';
import { type ClientServices, createClientServices } from '../support/fixtures/clients.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { ISSUER } from '../support/fixtures/grants.ts';
import { NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const ABROAD = '198.51.100.1';
const FAILED = { code: 'invalid_client', status: 401, description: 'Client authentication failed' };
const ODD = '%:+ é';

let c: ClientServices;

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  for (const table of ['clients', 'used_proofs'] as const) await db.database.kysely.deleteFrom(table).execute();
  c = createClientServices(db.database);
  await c.add('confidential', {}, 'a secret');
  await c.add('another', {}, 'another secret');
  await c.add('public', { token_endpoint_auth_method: 'none' });
  await c.add(ODD, {}, ODD);
});

const base64 = (text: string, encoding: 'utf8' | 'latin1' = 'utf8') => `Basic ${Buffer.from(text, encoding).toString('base64')}`;
const basic = (client_id: string, secret: string) =>
  base64([client_id, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1)).join(':'));
const ask = (parameters: Record<string, string> = {}, authorization?: string) =>
  c.authenticate({ authorization, parameters: new Map(Object.entries(parameters)), remote_address: ABROAD, endpoint: '/auth/par' });
const name = async (asked: ReturnType<typeof ask>) => (await asked).client_id;

describe('a secret', () => {
  it('is sent by Basic or in the body, whichever was registered', async () => {
    expect(await name(ask({}, basic('confidential', 'a secret')))).toBe('confidential');
    expect(await name(ask({ client_id: 'confidential', client_secret: 'a secret' }))).toBe('confidential');
    expect(await name(ask({ client_id: 'confidential' }, basic('confidential', 'a secret')))).toBe('confidential');
  });

  // C15, C17
  it.each<[string, Record<string, string>, string?]>([
    ['wrong, by Basic', {}, basic('confidential', 'wrong')],
    ['wrong, in the body', { client_id: 'confidential', client_secret: 'wrong' }],
    ['of another client', {}, basic('confidential', 'another secret')],
    ['of an unknown client', {}, basic('unknown', 'a secret')],
    ['of an unknown client, in the body', { client_id: 'unknown', client_secret: 'a secret' }],
    ['of a client that has none', {}, basic('public', 'a secret')],
    ['of a URL client', {}, basic('https://app.example.com/', 'a secret')],
    ['missing', { client_id: 'confidential' }],
    ['empty', { client_id: 'confidential', client_secret: '' }],
    ['empty, by Basic', {}, basic('confidential', '')], // C25
    ['that no column can hold', { client_id: 'a\0', client_secret: 'b' }],
    ['in a header of something else', {}, 'Bearer abc'],
    ['in a header that is no base64', {}, 'Basic %%%'],
    ['in a header without a colon', {}, base64('confidential')],
  ])('%s is refused with the same words', async (_story, parameters, authorization) => {
    await expect(ask(parameters, authorization)).rejects.toMatchObject(FAILED);
  });

  it('of an unknown client is looked up and hashed like a wrong one', async () => {
    const took = async (authorization: string) => {
      const began = performance.now();
      await ask({}, authorization).catch(() => {});
      return performance.now() - began;
    };
    // In turn, and the middle of each: whatever else this machine does meanwhile slows both alike.
    const times: [number, number][] = [];
    for (let round = 0; round < 101; round += 1)
      times.push([await took(basic('confidential', 'wrong')), await took(basic('unknown', 'wrong'))]);
    const [wrong = 0, unknown = 0] = [0, 1].map((which) => times.map((pair) => pair[which] ?? 0).sort((a, b) => a - b)[50]);
    expect(Math.max(wrong, unknown) / Math.min(wrong, unknown)).toBeLessThan(3);
  });

  // C16
  it.each([
    ['form-encoded', basic(ODD, ODD)],
    ['percent-encoded', base64([ODD, ODD].map(encodeURIComponent).join(':'))],
  ])('with odd characters is read %s', async (_story, authorization) => {
    expect(await name(ask({}, authorization))).toBe(ODD);
  });

  // C16
  it.each([
    ['%+é', 'utf8'],
    ['a/b+c=', 'utf8'],
    ['p%:+ é', 'utf8'],
    ['pässword', 'latin1'],
  ] as const)('%j is taken as it is when it cannot be encoded text (%s)', async (secret, encoding) => {
    await c.add('raw', {}, secret);
    expect(await name(ask({}, base64(`raw:${secret}`, encoding)))).toBe('raw');
  });

  // C16, W9: RFC 6749 names the encoded form, curl and others send the text as it is.
  it.each(['a+b', '100%41', 'a%2Bb', '%25', 'x%zz+', 'a/b%c', 'pass word%20+', 'é+%'])(
    '%j is accepted as it is and form-encoded',
    async (secret) => {
      await c.add('raw', {}, secret);
      for (const sent of [secret, new URLSearchParams({ '': secret }).toString().slice(1), encodeURIComponent(secret)]) {
        expect([sent, await name(ask({}, base64(`raw:${sent}`)))]).toEqual([sent, 'raw']);
        expect(await name(ask({ client_id: 'raw' }, base64(`raw:${sent}`)))).toBe('raw');
      }
      await expect(ask({}, base64(`raw:${secret}+`))).rejects.toMatchObject(FAILED);
    },
  );

  // W9
  it('of a client whose name reads in two ways is taken for both', async () => {
    for (const client_id of ['a+b', 'c%41', ODD]) await c.add(client_id, {}, `${client_id} secret`).catch(() => {});
    await c.add('d+e', { token_endpoint_auth_method: 'none' });
    for (const client_id of ['a+b', 'c%41']) {
      expect(await name(ask({}, base64(`${client_id}:${client_id} secret`)))).toBe(client_id);
      expect(await name(ask({}, basic(client_id, `${client_id} secret`)))).toBe(client_id);
      expect(await name(ask({ client_id }, base64(`${client_id}:${client_id} secret`)))).toBe(client_id);
    }
    for (const authorization of [base64('d+e:'), basic('d+e', '')]) expect(await name(ask({}, authorization))).toBe('d+e');
    await expect(ask({ client_id: 'a b' }, base64('c+d:x'))).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('is good under an earlier secret_key, and hashed again', async () => {
    const sealer = createSealer({
      secret_key: 'a new secret key of a test, long',
      previous_secret_keys: ['a secret key of a test, long enough'],
    });
    const after = createClientSecretHash(sealer);
    const [row] = await c.clientSecrets.live({ client_id: 'confidential', now: NOON });
    const new_hash = after.hash('a secret');
    expect(after.find('a secret', [row!])).toEqual({ row, new_hash });
    expect(after.find('a secret', [{ secret_hash: new_hash }])).toEqual({ row: { secret_hash: new_hash }, new_hash: null });
    expect(new_hash.equals(row!.secret_hash)).toBe(false);
  });

  it('is refused once it is over, while a newer one is good', async () => {
    const row = {
      id: 'f'.repeat(32),
      client_id: 'confidential',
      secret_hash: c.clientSecretHash.hash('newer'),
      created_at: NOON,
      expires_at: null,
    };
    await c.clientSecrets.insert(db.database.kysely, row);
    await c.clientSecrets.expireOthers(db.database.kysely, { ...row, expires_at: new Date(NOON.getTime() + 60_000) });
    expect(await name(ask({}, basic('confidential', 'a secret')))).toBe('confidential');
    c.time.advance(60);
    await expect(ask({}, basic('confidential', 'a secret'))).rejects.toMatchObject(FAILED);
    expect(await name(ask({}, basic('confidential', 'newer')))).toBe('confidential');
  });
});

describe('a public client', () => {
  it('comes by its name alone', async () => {
    expect(await name(ask({ client_id: 'public' }))).toBe('public');
    expect(await name(ask({ client_id: 'public', client_secret: '' }))).toBe('public');
  });

  // C25
  it('may send Basic with an empty password', async () => {
    expect(await name(ask({}, basic('public', '')))).toBe('public');
    expect(await name(ask({ client_id: 'public' }, basic('public', '')))).toBe('public');
  });

  it('that is switched off or unknown is refused', async () => {
    await db.database.kysely.updateTable('clients').set({ is_enabled: false }).where('client_id', '=', 'public').execute();
    for (const client_id of ['public', 'unknown', '']) await expect(ask({ client_id })).rejects.toMatchObject(FAILED);
    await expect(ask()).rejects.toMatchObject(FAILED);
  });
});

// C14
test.each<[string, Record<string, string>, string]>([
  ['Basic and a secret in the body', { client_secret: 'a secret' }, basic('confidential', 'a secret')],
  ['a secret and an assertion', { client_secret: 'a', client_assertion: 'b' }, ''],
  ['Basic and an assertion', { client_assertion: 'b' }, basic('confidential', 'a secret')],
  ['two names', { client_id: 'another' }, basic('confidential', 'a secret')],
])('%s at once are refused', async (_story, parameters, authorization) => {
  await expect(ask(parameters, authorization || undefined)).rejects.toMatchObject({ code: 'invalid_request', status: 400 });
});

describe('an assertion', () => {
  let keys: Record<string, { privateKey: CryptoKey; jwk: JsonObject }>;
  beforeAll(async () => {
    const make = async (alg: string) => {
      const { privateKey, publicKey } = await generateKeyPair(alg);
      return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, alg } as JsonObject };
    };
    keys = { RS256: await make('RS256'), PS256: await make('PS256'), ES256: await make('ES256'), EdDSA: await make('EdDSA') };
    keys.other = await make('ES256');
  });
  beforeEach(async () => {
    const jwks = { keys: ['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => keys[alg]!.jwk) };
    await c.add('signing', { token_endpoint_auth_method: 'private_key_jwt', jwks });
  });

  const claims = (differs: object = {}): JWTPayload => {
    const now = epochSeconds(c.time.clock());
    return { iss: 'signing', sub: 'signing', aud: ISSUER, jti: randomUUID(), iat: now, exp: now + 60, ...differs };
  };
  const sign = (payload: JWTPayload, alg = 'ES256', key = alg, header: object = { kid: alg }) =>
    new SignJWT(payload).setProtectedHeader({ alg, ...header }).sign(keys[key]!.privateKey);
  const send = (client_assertion: string, more: Record<string, string> = {}) =>
    ask({ client_assertion, client_assertion_type: ASSERTION_TYPE, ...more });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('signed with %s proves the client', async (alg) => {
    expect(await name(send(await sign(claims(), alg), { client_id: 'signing' }))).toBe('signing');
  });

  it('without a kid is tried with every key that fits', async () => {
    const jwks = { keys: [keys.other!.jwk, keys.ES256!.jwk].map(({ kid: _, ...jwk }) => jwk) };
    await db.database.kysely
      .updateTable('clients')
      .set({ jwks: JSON.stringify(jwks) })
      .where('client_id', '=', 'signing')
      .execute();
    expect(await name(send(await sign(claims(), 'ES256', 'ES256', {})))).toBe('signing');
  });

  // C18
  it('is accepted once, also of twenty in parallel', async () => {
    const assertion = await sign(claims());
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => send(assertion)));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(send(assertion)).rejects.toMatchObject(FAILED);
  });

  // C18
  it.each<[string, (now: number) => object, boolean]>([
    ['for somebody else', () => ({ aud: 'https://other.example.com' }), false],
    // W11
    ['for the token endpoint', () => ({ aud: `${ISSUER}/auth/token` }), true],
    ['for the endpoint that is called', () => ({ aud: `${ISSUER}/auth/par` }), true],
    ['for another endpoint', () => ({ aud: `${ISSUER}/auth/introspect` }), false],
    ['for a list of one', () => ({ aud: [ISSUER] }), true],
    ['for a list of one endpoint', () => ({ aud: [`${ISSUER}/auth/token`] }), true],
    ['for a list of the same twice', () => ({ aud: [ISSUER, ISSUER] }), false],
    ['for an empty list', () => ({ aud: [] }), false],
    ['for a list of several', () => ({ aud: [ISSUER, 'https://other.example.com'] }), false],
    ['for nobody', () => ({ aud: undefined }), false],
    ['that expired five minutes ago', (now) => ({ exp: now - 300 }), false],
    ['that never expires', () => ({ exp: undefined }), false],
    ['that lives for a day', (now) => ({ exp: now + 86_400 }), false],
    ['that expired five seconds ago', (now) => ({ exp: now - 5 }), true],
    ['of nobody', () => ({ sub: undefined }), false],
    ['of somebody for another', () => ({ iss: 'confidential' }), false],
    ['of a client without keys', () => ({ iss: 'confidential', sub: 'confidential' }), false],
    ['without jti', () => ({ jti: undefined }), false],
    ['that begins in 8 seconds', (now) => ({ nbf: now + 8 }), true],
    ['that begins in 61 seconds', (now) => ({ nbf: now + 61 }), false],
    ['that was made in the future', (now) => ({ iat: now + 120, exp: now + 180 }), false],
  ])('%s is judged', async (_story, differs, accepted) => {
    const sent = send(await sign(claims(differs(epochSeconds(c.time.clock())))));
    if (accepted) expect(await name(sent)).toBe('signing');
    else await expect(sent).rejects.toMatchObject(FAILED);
  });

  // W11
  it('of a client with profile fapi2 is for the issuer as a text, and of its algorithms', async () => {
    const jwks = { keys: ['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => keys[alg]!.jwk) };
    await c.add('fapi', { token_endpoint_auth_method: 'private_key_jwt', jwks, profile: 'fapi2' });
    const of = { iss: 'fapi', sub: 'fapi' };
    for (const alg of ['PS256', 'ES256', 'EdDSA']) expect(await name(send(await sign(claims(of), alg)))).toBe('fapi');
    const audiences = [`${ISSUER}/auth/token`, `${ISSUER}/auth/par`, [ISSUER], [`${ISSUER}/auth/token`]];
    for (const aud of audiences) await expect(send(await sign(claims({ ...of, aud })))).rejects.toMatchObject(FAILED);
    await expect(send(await sign(claims(of), 'RS256'))).rejects.toMatchObject(FAILED);
  });

  // C18
  it('of no algorithm, of a shared secret, or of another key is refused', async () => {
    const shared = new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' });
    const hmac = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' });
    for (const assertion of [
      new UnsecuredJWT(claims()).encode(),
      await shared.sign(new TextEncoder().encode(String(hmac))),
      await sign(claims(), 'ES256', 'other'),
      'not.a.token',
      '',
      'x'.repeat(10_000),
    ])
      await expect(send(assertion)).rejects.toMatchObject(FAILED);
  });

  it('of an unknown type, or of a client that is another, is refused', async () => {
    await expect(ask({ client_assertion: await sign(claims()), client_assertion_type: 'urn:other' })).rejects.toMatchObject(FAILED);
    await expect(send(await sign(claims()), { client_id: 'public' })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  // C17
  it('is not made good by a secret or by nothing', async () => {
    await expect(ask({ client_id: 'signing' })).rejects.toMatchObject(FAILED);
    await expect(ask({}, basic('signing', 'x'))).rejects.toMatchObject(FAILED);
  });

  it('is checked with the keys that the client publishes, which may change', async () => {
    let published = [keys.other!.jwk];
    const stranger = await startStranger((socket) =>
      respond(socket, JSON.stringify({ keys: published }), { headers: 'Content-Type: application/json\r\n' }),
    );
    const jwks_uri = `${stranger.url}jwks`;
    await c.add('publishing', { token_endpoint_auth_method: 'private_key_jwt', jwks_uri });
    const of = { iss: 'publishing', sub: 'publishing' };
    await expect(send(await sign(claims(of)))).rejects.toMatchObject(FAILED);
    published = [{ ...keys.ES256!.jwk, kid: 'next' }];
    const next = async () => send(await sign(claims(of), 'ES256', 'ES256', { kid: 'next' }));
    // Nobody makes us ask all the time.
    await expect(next()).rejects.toMatchObject(FAILED);
    expect(stranger.connections()).toBe(1);
    c.time.advance(30);
    expect(await name(next())).toBe('publishing');
    expect(await name(next())).toBe('publishing');
    expect(stranger.connections()).toBe(2);
    await stranger.close();
  });
});
