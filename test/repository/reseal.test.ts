import { beforeAll, expect, test } from 'vitest';
import { resealSecrets } from '../../src/repository/reseal.ts';
import { checkSecretKey } from '../../src/repository/secret_key_canary.ts';
import { createSigningKeyRepository } from '../../src/repository/signing_keys.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createKeyring } from '../../src/tokens/keyring.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const [OLD, NEW] = ['an old secret key of 32 letters!!', 'a new secret key of 32 letters!!!'];

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await checkSecretKey(db.database, createSealer({ secret_key: OLD }));
  await open(OLD);
});

/** What a server does with sealed values at its start. */
async function open(secret_key: string, previous_secret_keys: string[] = []) {
  const sealer = createSealer({ secret_key, previous_secret_keys });
  await checkSecretKey(db.database, sealer);
  const signingKeys = createSigningKeyRepository(db.database);
  const keyring = await createKeyring({ signingKeys, sealer, clock: () => NOON });
  await keyring.close();
  return keyring.jwks();
}

test('a key that opens nothing changes nothing', async () => {
  await expect(resealSecrets({ ...db, sealer: createSealer({ secret_key: NEW }) })).rejects.toThrow('not configured');
  await open(OLD);
});

test('everything is sealed with the new key, which then needs the old one no more', async () => {
  const before = await open(NEW, [OLD]);
  const sealer = createSealer({ secret_key: NEW, previous_secret_keys: [OLD] });
  expect(await resealSecrets({ ...db, sealer })).toBe(2);
  expect(await open(NEW)).toEqual(before);
  await expect(open(OLD)).rejects.toThrow('secret_key');
  expect(await resealSecrets({ ...db, sealer })).toBe(0);
});
