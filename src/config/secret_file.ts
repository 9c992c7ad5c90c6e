// Reads a secret from the file that `<key>_file` names, which only its owner and group may be able
// to read.

import { readTextFile } from './text_file.ts';

/** Where orchestrators mount a container's secrets, readable for every account in it. */
const MOUNTED_SECRETS = ['/run/secrets/', '/var/run/secrets/'];
const LARGEST_SECRET = 64 * 1024;
const READABLE_BY_ALL = 0o004;

/**
 * The secret without byte order mark and surrounding line ends, or an error. `raw` includes them:
 * earlier versions removed only one line end.
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
