// Latchkey as a process of its own, started from the source in a folder where nothing is
// configured.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** tsx looks for it in the working directory. */
const TSX_TSCONFIG_PATH = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));

export interface Program {
  child: ChildProcess;
  /** Both streams so far. */
  said: { out: string; err: string };
  /** The exit code; null after a signal nobody handled. */
  ended: Promise<number | null>;
  /** Waits for something on standard output; fails when the program ends before. */
  prints(what: RegExp): Promise<RegExpExecArray>;
}

export function startProgram(
  words: string[],
  { cwd, env, stdin = '' }: { cwd: string; env: Record<string, string>; stdin?: string },
): Program {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LATCHKEY_'));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), MAIN, ...words], {
    cwd,
    env: { ...Object.fromEntries(inherited), TSX_TSCONFIG_PATH, ...env },
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  child.stdin.end(stdin);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said, ended, prints: (what) => printed(child, said, what) };
}

function printed(child: ChildProcess, said: { out: string; err: string }, what: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = what.exec(said.out);
      if (found) resolve(found);
    };
    child.stdout?.on('data', look);
    child.once('close', () => reject(new Error(`ended without printing ${what}: ${said.out}${said.err}`)));
    look();
  });
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
