// Reads a secret from the file that `<key>_file` names. Only its owner and its group may be able to read that file.

import { readTextFile } from './text_file.ts';

/** Orchestrators mount secrets there for one container alone, readable by every account inside it. */
const MOUNTED_SECRETS = ['/run/secrets/', '/var/run/secrets/'];
const LARGEST_SECRET = 64 * 1024;
const READABLE_BY_ALL = 0o004;

/** The secret without the newline at its end, or what is wrong with the file. */
export async function readSecretFile(file: string): Promise<{ secret: string } | { complaint: string }> {
  const read = await readTextFile(file, LARGEST_SECRET);
  if ('complaint' in read) return { complaint: `${file}: ${read.complaint}` };
  if (read.mode & READABLE_BY_ALL && !MOUNTED_SECRETS.some((folder) => file.startsWith(folder))) {
    return { complaint: `${file}: every account of this machine can read it; run: chmod 600 ${file}` };
  }
  const secret = read.text.replace(/\r?\n$/, '');
  return secret ? { secret } : { complaint: `${file}: it is empty` };
}
