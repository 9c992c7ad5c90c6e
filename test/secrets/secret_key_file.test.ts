import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readOrCreateSecretKey } from '../../src/secrets/secret_key_file.ts';

const create = (folder: string) => readOrCreateSecretKey(folder, async () => false);

let data_dir: string;
let path: string;

beforeEach(async () => {
  data_dir = await mkdtemp(join(tmpdir(), 'latchkey-secret-key-'));
  path = join(data_dir, 'secret_key');
});
afterEach(() => rm(data_dir, { recursive: true }));

it('is made once, for its owner only, and stays', async () => {
  const made = await create(data_dir);
  expect(made).toMatch(/^[\w-]{43}$/);
  expect(await create(data_dir)).toBe(made);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('is the same for all who start at once, and nothing else is left', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => create(data_dir)));
  expect(new Set(keys).size).toBe(1);
  expect(await readdir(data_dir)).toEqual(['secret_key']);
});

it('is made in a folder that does not exist yet', async () => {
  await expect(create(join(data_dir, 'new', 'data'))).resolves.toHaveLength(43);
});

it('is refused when others may read it', async () => {
  await create(data_dir);
  for (const mode of [0o604, 0o640, 0o644]) {
    await chmod(path, mode);
    await expect(create(data_dir)).rejects.toThrow(`${path} can be read by other users of this machine: chmod 600 it`);
  }
});

it('is refused when it is short', async () => {
  await writeFile(path, `${'x'.repeat(31)}\n`, { mode: 0o600 });
  await expect(create(data_dir)).rejects.toThrow(`${path} holds fewer than 32 characters`);
});

// R6
it('is never made for a database that was written with a lost one', async () => {
  await expect(readOrCreateSecretKey(data_dir, async () => true)).rejects.toThrow(`${path} is missing, but the database`);
  expect(await readdir(data_dir)).toEqual([]);
});

it('is read when another process has made it and sealed with it meanwhile', async () => {
  let made: string | undefined;
  const makeMeanwhile = async () => {
    made = await create(data_dir);
    return true;
  };
  expect(await readOrCreateSecretKey(data_dir, makeMeanwhile)).toBe(made);
});
