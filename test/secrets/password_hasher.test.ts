import bcrypt from '@node-rs/bcrypt';
import { describe, expect, it } from 'vitest';
import { createPasswordHasher } from '../../src/secrets/password_hasher.ts';

const hasher = createPasswordHasher({ slots: 2 });
const bcryptHash = await bcrypt.hash('tr0ub4dor', 4);
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a new hash', () => {
  it('is argon2id with the parameters in the order every library reads', async () => {
    const stored = await hasher.hash('correct horse');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hasher.verify('correct horse', stored)).toEqual({ ok: true, outdated: false });
    expect(await hasher.verify('correct horse ', stored)).toEqual({ ok: false, outdated: false });
  });

  it('reads a password to its end, beyond 72 bytes and a zero', async () => {
    for (const password of ['ä'.repeat(100), 'a\0b']) {
      const stored = await hasher.hash(password);
      expect(await hasher.verify(password, stored)).toMatchObject({ ok: true });
      expect(await hasher.verify(password.slice(0, -1), stored)).toMatchObject({ ok: false });
    }
  });

  it("is outdated when its parameters are not today's", async () => {
    const argon2 = await import('argon2');
    const stored = await argon2.hash('old', { memoryCost: 1024, timeCost: 2, parallelism: 1 });
    expect(await hasher.verify('old', stored)).toEqual({ ok: true, outdated: true });
  });
});

// H11
describe('a bcrypt hash from Home Assistant', () => {
  for (const [spelling, stored] of [
    ['$2a$', `$2a$${bcryptHash.slice(4)}`],
    ['$2b$', `$2b$${bcryptHash.slice(4)}`],
    ['$2y$', `$2y$${bcryptHash.slice(4)}`],
    ['base64 of $2b$', base64(`$2b$${bcryptHash.slice(4)}`)],
  ] as const) {
    it(`verifies and is outdated: ${spelling}`, async () => {
      expect(await hasher.verify('tr0ub4dor', stored)).toEqual({ ok: true, outdated: true });
      expect(await hasher.verify('Tr0ub4dor', stored)).toMatchObject({ ok: false });
    });
  }

  it('knows 72 bytes of the password only', async () => {
    const stored = await bcrypt.hash('ä'.repeat(36), 4);
    expect(await hasher.verify(`${'ä'.repeat(36)}and more`, stored)).toMatchObject({ ok: true });
    expect(await hasher.verify(`${'ä'.repeat(35)}x`, stored)).toMatchObject({ ok: false });
  });
});

describe('equal work', () => {
  const unreadable = [
    '',
    'plain',
    '$argon2id$',
    '$argon2id$v=19$m=1,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA',
    `$2b$31$${'a'.repeat(53)}`,
    base64('nothing'),
  ];

  it('is never a match for a text that is no hash', async () => {
    for (const stored of unreadable) expect(await hasher.verify('plain', stored)).toEqual({ ok: false, outdated: false });
  });

  // H1
  it('takes as long for nobody and for an unreadable hash as for a wrong password', async () => {
    const stored = await hasher.hash('right');
    const works = [
      () => hasher.verify('wrong', stored),
      () => hasher.verifyNothing('wrong'),
      ...unreadable.map((text) => () => hasher.verify('wrong', text)),
    ];
    // In turn, so that a machine that is busy for a while slows all of them alike.
    const fastest = works.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < 8; round += 1) {
      for (const [index, work] of works.entries()) {
        const started = performance.now();
        await work();
        fastest[index] = Math.min(fastest[index]!, performance.now() - started);
      }
    }
    for (const time of fastest) expect(time).toBeGreaterThan(Math.max(...fastest) / 3);
  });
});

// H10
it('refuses a flood instead of storing it up', async () => {
  const small = createPasswordHasher({ slots: 1, queue_limit: 3 });
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => small.verifyNothing('x')));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  expect(outcomes.filter((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'unavailable')).toHaveLength(6);
});
