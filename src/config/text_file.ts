// Reads a small text file, or explains why it cannot be read. For the configuration and secret
// files.

import { readFile, stat } from 'node:fs/promises';

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'this account may not read it',
  ENOTDIR: 'there is no such file',
};

/** The text and the permission bits of a file of at most `largest` bytes. */
export async function readTextFile(
  file: string,
  largest: number,
): Promise<{ text: string; mode: number } | { complaint: string; is_missing?: boolean }> {
  try {
    const status = await stat(file);
    // Reading a pipe or device may never end.
    if (!status.isFile()) return { complaint: 'it is not a file' };
    if (status.size > largest) return { complaint: `it is larger than ${largest} bytes` };
    return { text: await readFile(file, 'utf8'), mode: process.platform === 'win32' ? 0 : status.mode };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return { complaint: REASONS[code] ?? `it cannot be read (${code})`, is_missing: code === 'ENOENT' };
  }
}
