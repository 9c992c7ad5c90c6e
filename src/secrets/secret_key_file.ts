// The generated secret_key of an embedded database: the file `secret_key` in data_dir, readable by
// its owner only.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SECRET_KEY_LENGTH } from './sealer.ts';

/**
 * Reads the key, creating it if there is none; concurrent starts agree on one. `isSealed`: whether
 * the database was used with a key already; then a missing key must be restored, and creating one
 * would hide the loss.
 */
export async function readOrCreateSecretKey(data_dir: string, isSealed: () => Promise<boolean>): Promise<string> {
  const path = secretKeyPath(data_dir);
  const found = await readSecretKey(path);
  if (found !== undefined) return found;
  if (!(await isSealed())) return await createSecretKey(data_dir, path);
  // Another process may have created both since.
  const made = await readSecretKey(path);
  if (made !== undefined) return made;
  throw new Error(
    `${path} is missing, but the database was written with it: restore the file from a backup, or set secret_key to its content`,
  );
}

/** The path of the generated key. */
export function secretKeyPath(data_dir: string): string {
  return join(data_dir, 'secret_key');
}

async function readSecretKey(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch(refused(path)).catch(only('ENOENT'));
  if (!file) return undefined;
  try {
    const { mode } = await file.stat();
    // Windows has no such modes.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Error(
        `${path} can be read by other users of this machine: chmod 600 it, and replace the key if one of them may have read it`,
      );
    }
    const secret_key = (await file.readFile('utf8')).trim();
    if (secret_key.length < SECRET_KEY_LENGTH) throw new Error(`${path} holds fewer than ${SECRET_KEY_LENGTH} characters`);
    return secret_key;
  } finally {
    await file.close();
  }
}

/**
 * The file is renamed into place once it is complete and synced, so no partial key is ever read.
 */
async function createSecretKey(data_dir: string, path: string): Promise<string> {
  await mkdir(data_dir, { recursive: true });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeDurably(draft, `${randomBytes(32).toString('base64url')}\n`);
  try {
    await link(draft, path).catch(only('EEXIST'));
  } finally {
    await unlink(draft);
  }
  await syncFolder(data_dir);
  const secret_key = await readSecretKey(path);
  if (secret_key === undefined) throw new Error(`${path} vanished while it was made`);
  return secret_key;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Explains how to fix a file that this account may not read, for example after a restore by root.
 */
function refused(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code !== 'EACCES') throw error;
    const uid = process.getuid?.();
    throw new Error(`${path} cannot be read by user id ${uid}: chown ${uid} '${path}'`, { cause: error });
  };
}

/** Turns one error code into `undefined`. */
function only(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  };
}
