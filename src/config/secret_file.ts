// Reads a secret from the file that `<key>_file` names. Only its owner and its group may be able to read that file.

import { readTextFile } from './text_file.ts';

/** Orchestrators mount secrets there for one container alone, readable by every account inside it. */
const MOUNTED_SECRETS = ['/run/secrets/', '/var/run/secrets/'];
const LARGEST_SECRET = 64 * 1024;
const READABLE_BY_ALL = 0o004;

/**
 * The secret without a byte order mark and line ends around it, or what is wrong with the file. `raw` has both:
 * earlier versions took them for part of the secret, except one line end.
 */
export async function readSecretFile(file: string): Promise<{ secret: string; raw: string } | { complaint: string }> {
  const read = await readTextFile(file, LARGEST_SECRET);
  if ('complaint' in read) return { complaint: `${file}: ${read.complaint}` };
  if (read.mode & READABLE_BY_ALL && !MOUNTED_SECRETS.some((folder) => file.startsWith(folder))) {
    return { complaint: `${file}: every account of this machine can read it; run: chmod 600 ${file}` };
  }
  const raw = read.text.replace(/\r?\n$/, '');
  const secret = raw.replace(/^\ufeff/, '').replace(/[\r\n]+$/, '');
  return secret ? { secret, raw } : { complaint: `${file}: it is empty` };
}
