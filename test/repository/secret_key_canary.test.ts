import { expect, it } from 'vitest';
import { checkSecretKey } from '../../src/repository/secret_key_canary.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const [first, second] = ['1'.repeat(32), '2'.repeat(32)];

const test = perFile(() => createTestDatabase());

it('the key of the first start is the key of every later one, unless it is among the previous keys', async () => {
  const check = (secret_key: string, ...previous_secret_keys: string[]) =>
    checkSecretKey(test.database, createSealer({ secret_key, previous_secret_keys }));
  await Promise.all([check(first), check(first)]);
  await check(first);
  await expect(check(second)).rejects.toThrow('The configured secret_key is not the one this database was written with');
  await check(second, first);
});
