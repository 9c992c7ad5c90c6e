import { describe, expect, it } from 'vitest';
import { createSealer } from '../../src/secrets/sealer.ts';

const secret_key = 'an old oak tree stood by the pond';
const place = { table: 'signing_keys', column: 'private_key', id: 'k1' };
const sealer = createSealer({ secret_key });

describe('a sealed value', () => {
  it('opens in its place', () => {
    for (const plaintext of ['', 'täxt', Buffer.from([0, 255, 1])]) {
      expect(sealer.open(sealer.seal(plaintext, place), place)).toEqual(Buffer.from(plaintext as string));
    }
  });

  it('never looks the same twice and never shows what is in it', () => {
    const [one, two] = [sealer.seal('secret', place), sealer.seal('secret', place)];
    expect(one).not.toEqual(two);
    expect(one.includes('secret')).toBe(false);
  });

  for (const other of [{ table: 'other' }, { column: 'other' }, { id: 'k2' }]) {
    it(`does not open with another ${Object.keys(other)[0]}`, () => {
      const sealed = sealer.seal('secret', place);
      expect(() => sealer.open(sealed, { ...place, ...other })).toThrow('was changed, or sealed for another place');
    });
  }

  it('does not open after a change of any byte', () => {
    const sealed = sealer.seal('secret', place);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index]! ^= 1;
      expect(() => sealer.open(changed, place)).toThrow('signing_keys.private_key of k1 was');
    }
  });

  it('does not open when it was cut short', () => {
    const sealed = sealer.seal('secret', place);
    for (let length = 0; length < sealed.length; length += 1) expect(() => sealer.open(sealed.subarray(0, length), place)).toThrow(Error);
  });
});

describe('another secret_key', () => {
  const other = createSealer({ secret_key: 'a new oak tree stands by the pond' });
  const rotated = createSealer({ secret_key: 'a new oak tree stands by the pond', previous_secret_keys: [secret_key] });
  const sealed = sealer.seal('secret', place);

  it('opens nothing, and says why', () => {
    expect(() => other.open(sealed, place)).toThrow('signing_keys.private_key of k1 was sealed with a secret_key that is not configured');
  });

  it('opens what a previous key sealed, and knows that it is due', () => {
    expect(rotated.open(sealed, place).toString()).toBe('secret');
    expect([rotated.needsReseal(sealed), sealer.needsReseal(sealed), rotated.needsReseal(rotated.seal('x', place))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is refused when it is short', () => {
    expect(() => createSealer({ secret_key: 'x'.repeat(31) })).toThrow('A secret_key needs 32 characters or more');
  });

  it('has sub-keys of its own, one for each purpose', () => {
    expect(sealer.subKey('csrf')).toHaveLength(32);
    expect(sealer.subKey('csrf')).toEqual(createSealer({ secret_key }).subKey('csrf'));
    expect(sealer.subKey('csrf')).not.toEqual(sealer.subKey('setup_token'));
    expect(sealer.subKey('csrf')).not.toEqual(other.subKey('csrf'));
    expect(rotated.subKeys('csrf')).toEqual([other.subKey('csrf'), sealer.subKey('csrf')]);
  });
});
