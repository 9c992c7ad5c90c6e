import { createHmac } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AuditEvent } from '../../src/domain/audit_event.ts';
import { SIGNING_ALGORITHMS } from '../../src/domain/client.ts';
import { createSigningKeyRepository, type SigningKeyRepository } from '../../src/repository/signing_keys.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createKeyring, JWKS_MAX_AGE, type Keyring, PUBLICATION_LEAD } from '../../src/tokens/keyring.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { SEALER } from '../support/fixtures/grants.ts';
import { NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const DAY = 86_400;
const HINT_LIFETIME = 30 * DAY;
const CLAIMS = { iss: 'https://auth.example.com', sub: 'paulus' };

let time: ReturnType<typeof createTestClock>;
let opened: Keyring[];
let events: AuditEvent[];

const db = perFile(() => createTestDatabase());
beforeEach(async () => {
  await db.database.kysely.deleteFrom('signing_keys').execute();
  time = createTestClock(NOON);
  opened = [];
  events = [];
});
afterEach(async () => {
  for (const keyring of opened) await keyring.close();
});

async function open(
  signingKeys: SigningKeyRepository = createSigningKeyRepository(db.database),
  sealer = SEALER,
  signing_key_lifetime?: number,
): Promise<Keyring> {
  const audit = { record: (event: AuditEvent) => void events.push(event) };
  const keyring = await createKeyring({
    signingKeys,
    sealer,
    clock: time.clock,
    audit,
    ...(signing_key_lifetime && { signing_key_lifetime }),
  });
  opened.push(keyring);
  return keyring;
}

function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid;
}

describe('the first key', () => {
  test('is one, however many processes start at once', async () => {
    const keyrings = await Promise.all(Array.from({ length: 6 }, () => open()));
    expect(new Set(keyrings.map((keyring) => kidOf(keyring.sign(CLAIMS, 'at+jwt')))).size).toBe(1);
    expect(events).toMatchObject([{ type: 'signing_key.created', outcome: 'done' }]);
  });

  test('stays over a restart, and is sealed at rest', async () => {
    const token = (await open()).sign(CLAIMS, 'at+jwt');
    expect((await open()).verify(token)?.claims).toEqual(CLAIMS);
    const { private_key } = await db.database.kysely.selectFrom('signing_keys').select('private_key').executeTakeFirstOrThrow();
    expect(private_key.includes(Buffer.from('2a8648ce3d0201', 'hex'))).toBe(false); // the OID in every PKCS#8 of an EC key
  });

  test('does not open with another secret key', async () => {
    await open();
    const other = createSealer({ secret_key: 'another secret key, as long as it needs' });
    await expect(open(createSigningKeyRepository(db.database), other)).rejects.toThrow('secret_key that is not configured');
  });
});

describe('tokens', () => {
  test('are verified by an independent library against the JWKS', async () => {
    const keyring = await open();
    const { payload, protectedHeader } = await jwtVerify(keyring.sign(CLAIMS, 'at+jwt'), createLocalJWKSet(keyring.jwks() as never));
    expect(payload).toEqual(CLAIMS);
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: keyring.jwks().keys[0]?.kid });
  });

  // E7
  test('the JWKS shows public members only', async () => {
    const keyring = await open();
    await keyring.rotate();
    const { keys } = keyring.jwks();
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(2);
  });

  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [header, claims, signature] = [0, 1, 2];

  // E1, E2, E5, E6, C9
  const forgeries: [string, (token: string, keyring: Keyring) => string][] = [
    ['an alg of none', (token) => `${encode({ alg: 'none', typ: 'at+jwt' })}.${token.split('.')[claims]}.`],
    [
      'an HMAC with the public key',
      (token, keyring) => {
        const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: kidOf(token) })}.${token.split('.')[claims]}`;
        return `${input}.${createHmac('sha256', JSON.stringify(keyring.jwks().keys[0])).update(input).digest('base64url')}`;
      },
    ],
    ...['../../etc/passwd', `' OR 1=1`, '', '__proto__'].map((kid): [string, (token: string) => string] => [
      `the kid ${kid}`,
      (token) => token.replace(/^[^.]*/, encode({ alg: 'ES256', typ: 'at+jwt', kid })),
    ]),
    ...['jku', 'x5u', 'jwk', 'crit'].map((name): [string, (token: string) => string] => [
      `the header member ${name}`,
      (token) => token.replace(/^[^.]*/, encode({ alg: 'ES256', typ: 'at+jwt', kid: kidOf(token), [name]: 'https://evil.example/' })),
    ]),
    ['another typ', (token) => token.replace(/^[^.]*/, encode({ alg: 'ES256', typ: 'JWT', kid: kidOf(token) }))],
    ['an empty signature', (token) => token.replace(/[^.]*$/, '')],
    ['a signature of zeros', (token) => token.replace(/[^.]*$/, Buffer.alloc(64).toString('base64url'))],
    ['a DER signature', (token) => token.replace(/[^.]*$/, Buffer.alloc(71, 48).toString('base64url'))],
    ['padding', (token) => `${token}==`],
    ['a fourth part', (token) => `${token}.x`],
    ['a fifth part', (token) => `${token}.x.y`],
    ['a missing part', (token) => token.split('.').slice(0, 2).join('.')],
    ['nothing', () => ''],
    ['dots', () => '..'],
    ['8193 characters', (token) => token.padEnd(8_193, 'A')],
    ['a megabyte', (token) => token.padEnd(1_048_576, 'A')],
    ['a blank before it', (token) => ` ${token}`],
  ];
  for (const [story, forge] of forgeries) {
    test(`${story} is not ours`, async () => {
      const keyring = await open();
      expect(keyring.verify(forge(keyring.sign(CLAIMS, 'at+jwt'), keyring))).toBeNull();
    });
  }

  // C9
  test('any single character changed, dropped or added makes it another token', async () => {
    const keyring = await open();
    const token = keyring.sign(CLAIMS, 'at+jwt');
    for (let at = 0; at < token.length; at++) {
      const [before, character, after] = [token.slice(0, at), token[at]!, token.slice(at + 1)];
      const swapped = character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase();
      for (const other of [swapped, character === 'A' ? 'B' : 'A', '', `${character}A`, `${character}\n`]) {
        if (other !== character) expect(keyring.verify(before + other + after), `${at}: ${other}`).toBeNull();
      }
      expect(keyring.verify(before)).toBeNull();
    }
  });

  test('the signature has one spelling: its last character’s unused bits count', async () => {
    const keyring = await open();
    const token = keyring.sign(CLAIMS, 'at+jwt');
    const others = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].map((last) => token.slice(0, -1) + last);
    expect(others.filter((other) => keyring.verify(other) !== null)).toEqual([token]);
  });

  test('the services of two tokens do not mix', async () => {
    const keyring = await open();
    const [one, other] = [keyring.sign(CLAIMS, 'at+jwt').split('.'), keyring.sign({ ...CLAIMS, sub: 'hass' }, 'at+jwt').split('.')];
    expect(keyring.verify([one[header], one[claims], other[signature]].join('.'))).toBeNull();
  });

  test('a token of another server is not ours', async () => {
    const foreign = (await open()).sign(CLAIMS, 'at+jwt');
    await db.database.kysely.deleteFrom('signing_keys').execute();
    expect((await open()).verify(foreign)).toBeNull();
  });

  test('claims that are no object are none', async () => {
    const keyring = await open();
    for (const claims of [[], ['x'], 'text' as never, 5 as never, null as never]) {
      expect(keyring.verify(keyring.sign(claims, 'at+jwt'))).toBeNull();
    }
  });
});

describe('the algorithm', () => {
  const members = {
    ES256: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
    RS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
    PS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
    EdDSA: ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
  };
  for (const algorithm of SIGNING_ALGORITHMS) {
    test(`${algorithm} is one that independent libraries verify`, async () => {
      const keyring = await open();
      await keyring.ready(algorithm);
      const token = keyring.sign(CLAIMS, 'JWT', algorithm);
      const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keyring.jwks() as never));
      expect(payload).toEqual(CLAIMS);
      expect(protectedHeader).toEqual({ alg: algorithm, typ: 'JWT', kid: kidOf(token) });
      expect(keyring.verify(token)).toEqual({ header: protectedHeader, claims: CLAIMS });
      expect((await open()).verify(token)).not.toBeNull();
      // E7
      const jwk = keyring.jwks().keys.find(({ kid }) => kid === kidOf(token));
      expect(Object.keys(jwk!).sort()).toEqual(members[algorithm]);
      expect(await calculateJwkThumbprint(jwk as never)).toBe(kidOf(token));
    });

    test(`${algorithm} has one key, however many processes need it at once`, async () => {
      const keyrings = await Promise.all([open(), open(), open()]);
      await Promise.all(keyrings.map((keyring) => keyring.ready(algorithm)));
      expect(new Set(keyrings.map((keyring) => kidOf(keyring.sign(CLAIMS, 'JWT', algorithm)))).size).toBe(1);
    });

    test(`${algorithm} has a succession of its own`, async () => {
      const keyring = await open();
      for (const each of SIGNING_ALGORITHMS) await keyring.ready(each);
      const before = kidOf(keyring.sign(CLAIMS, 'JWT', algorithm));
      const successor = await keyring.rotate({ algorithm, signs_in: 60 });
      expect(keyring.list().filter(({ state }) => state === 'signing')).toHaveLength(4);
      time.advance(60);
      expect(kidOf(keyring.sign(CLAIMS, 'JWT', algorithm))).toBe(successor);
      expect(keyring.list().filter(({ state }) => state === 'retired')).toMatchObject([{ id: before, algorithm }]);
    });
  }

  test('that nothing was signed with yet has no key: the start makes one only', async () => {
    const keyring = await open();
    expect(keyring.list()).toMatchObject([{ algorithm: 'ES256' }]);
    expect(() => keyring.sign(CLAIMS, 'JWT', 'RS256')).toThrow('no key that signs RS256');
  });

  // E1, E3
  test('and the kind are part of what is signed', async () => {
    const keyring = await open();
    await keyring.ready('RS256');
    const [rsa, ec] = [keyring.sign(CLAIMS, 'JWT', 'RS256'), keyring.sign(CLAIMS, 'JWT')];
    for (const [one, other] of [
      [rsa, ec],
      [ec, rsa],
      [ec, keyring.sign(CLAIMS, 'at+jwt')],
    ] as const) {
      expect(keyring.verify([one.split('.')[0], ...other.split('.').slice(1)].join('.'))).toBeNull();
    }
  });

  test('has no ID token’s key long after its last one has expired', async () => {
    const keyring = await open();
    await keyring.ready('EdDSA');
    const token = keyring.sign(CLAIMS, 'JWT', 'EdDSA');
    await keyring.rotate({ algorithm: 'EdDSA', signs_in: 0 });
    time.advance(HINT_LIFETIME);
    expect(keyring.verify(token)).not.toBeNull();
    time.advance(60);
    expect(keyring.verify(token)).toBeNull();
  });
});

describe('by their age', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    return () => vi.useRealTimers();
  });

  /** What a running process does every few seconds. */
  function pass(): void {
    vi.advanceTimersByTime(5_000);
  }

  test('keys are succeeded by one each, however many processes notice, and the successor signs when they are old', async () => {
    const [keyring] = [await open(undefined, SEALER, 90 * DAY), await open(undefined, SEALER, 90 * DAY)];
    pass();
    await expect.poll(() => keyring.list().length, { timeout: 10_000 }).toBe(SIGNING_ALGORITHMS.length);
    const first = kidOf(keyring.sign(CLAIMS, 'at+jwt'));
    time.advance(90 * DAY - PUBLICATION_LEAD - 1);
    pass();
    await keyring.refresh();
    expect(keyring.list()).toHaveLength(SIGNING_ALGORITHMS.length);
    time.advance(1);
    pass();
    await expect.poll(() => keyring.refresh().then(() => keyring.list().length), { timeout: 10_000 }).toBe(2 * SIGNING_ALGORITHMS.length);
    pass();
    expect(events.filter(({ type }) => type === 'signing_key.rotated')).toHaveLength(SIGNING_ALGORITHMS.length);
    time.advance(PUBLICATION_LEAD);
    expect(kidOf(keyring.sign(CLAIMS, 'at+jwt'))).not.toBe(first);
  });
});

// E8
describe('rotation', () => {
  test('a successor is published longer than anybody keeps the JWKS, before it signs', async () => {
    expect(PUBLICATION_LEAD).toBeGreaterThan(JWKS_MAX_AGE);
    const keyring = await open();
    const first = kidOf(keyring.sign(CLAIMS, 'at+jwt'));
    const second = await keyring.rotate();
    expect(keyring.jwks().keys.map(({ kid }) => kid)).toEqual([first, second]);
    time.advance(PUBLICATION_LEAD - 1);
    expect(kidOf(keyring.sign(CLAIMS, 'at+jwt'))).toBe(first);
    time.advance(1);
    expect(kidOf(keyring.sign(CLAIMS, 'at+jwt'))).toBe(second);
    expect(events.map(({ type }) => type)).toEqual(['signing_key.created', 'signing_key.rotated']);
  });

  test('the states are reported', async () => {
    const keyring = await open();
    await keyring.rotate();
    expect(keyring.list().map(({ state }) => state)).toEqual(['signing', 'waiting']);
    time.advance(PUBLICATION_LEAD);
    expect(keyring.list().map(({ state }) => state)).toEqual(['retired', 'signing']);
    expect(Object.keys(keyring.list()[0]!)).not.toContain('private_key');
  });

  test('asking again while a successor waits changes nothing, and makes no key pair in vain', async () => {
    let made = 0;
    const seal: typeof SEALER.seal = (plain, place) => {
      made++;
      return SEALER.seal(plain, place);
    };
    const [one, other] = [await open(), await open(undefined, { ...SEALER, seal })];
    const second = await one.rotate();
    for (const keyring of [one, other]) expect(await keyring.rotate()).toBe(second);
    expect(made).toBe(0);
    time.advance(PUBLICATION_LEAD);
    expect(await other.rotate()).not.toBe(second);
    expect(made).toBe(1);
  });

  test('a retired key verifies until the last token it signed has expired, and is then deleted', async () => {
    const keyring = await open();
    const first = keyring.list()[0]!.id;
    await keyring.rotate();
    time.advance(PUBLICATION_LEAD - 1);
    const last = keyring.sign(CLAIMS, 'at+jwt');
    expect(kidOf(last)).toBe(first);
    time.advance(HINT_LIFETIME + 10);
    expect(keyring.verify(last)?.claims).toEqual(CLAIMS);
    time.advance(60);
    expect(keyring.verify(last)).toBeNull();
    await keyring.refresh();
    expect(keyring.jwks().keys.map(({ kid }) => kid)).not.toContain(first);
  });

  test('another replica notices within seconds, also when it is shown a key it does not know', async () => {
    const signingKeys = createSigningKeyRepository(db.database);
    let reads = 0;
    const list: SigningKeyRepository['list'] = (values) => {
      reads++;
      return signingKeys.list(values);
    };
    const [one, other] = [await open(), await open({ ...signingKeys, list })];
    await one.rotate();
    time.advance(PUBLICATION_LEAD);
    const token = one.sign(CLAIMS, 'at+jwt');
    await expect.poll(() => other.verify(token), { timeout: 6_000, interval: 100 }).not.toBeNull();
    expect(kidOf(other.sign(CLAIMS, 'at+jwt'))).toBe(kidOf(token));
    reads = 0;
    for (let count = 0; count < 500; count++) other.verify(`junk${count}.x.y`);
    expect(reads).toBeLessThanOrEqual(1);
  });

  test('a database that is away leaves the keys as they were', async () => {
    const signingKeys = createSigningKeyRepository(db.database);
    let away = false;
    const list: SigningKeyRepository['list'] = async (values) => {
      if (away) throw new Error('away');
      return signingKeys.list(values);
    };
    const keyring = await open({ ...signingKeys, list });
    const token = keyring.sign(CLAIMS, 'at+jwt');
    away = true;
    await expect(keyring.refresh()).rejects.toThrow('away');
    expect(keyring.verify(token)?.claims).toEqual(CLAIMS);
    expect(keyring.verify(keyring.sign(CLAIMS, 'at+jwt'))).not.toBeNull();
  });

  test('the private part of a retired key is not needed any more', async () => {
    const keyring = await open();
    const token = keyring.sign(CLAIMS, 'at+jwt');
    await keyring.rotate();
    time.advance(PUBLICATION_LEAD);
    await db.database.kysely
      .updateTable('signing_keys')
      .set({ private_key: Buffer.from('broken') })
      .where('id', '=', kidOf(token))
      .execute();
    expect((await open()).verify(token)?.claims).toEqual(CLAIMS);
  });
});
