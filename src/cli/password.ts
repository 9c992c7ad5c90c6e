// Reads a new password: twice at a terminal without echo, or from standard input.
import type { Command } from 'commander';
import type { Io } from './command.ts';
import { commandError, usageError } from './exit.ts';

/** The options of commands that set a password. */
export interface PasswordOption {
  passwordStdin?: boolean;
}

const MAX_BYTES = 64 * 1024;

/** Adds `--password-stdin` to a command. */
export function addPasswordOption(command: Command): Command {
  return command.option('--password-stdin', 'read the password from standard input');
}

/** The new password. Throws a usage error without a terminal. */
export async function readNewPassword(io: Io, { passwordStdin }: PasswordOption): Promise<string> {
  if (passwordStdin === true) return await readSecretLine(io);
  // The prompt would end without an answer or error.
  if (io.stdin.isTTY !== true) throw usageError('There is no terminal to ask for the password at: give it by --password-stdin');
  const { isCancel, password } = await import('@clack/prompts');
  const ask = async (message: string) => {
    const answer = await password({ message });
    if (isCancel(answer)) throw commandError('Nothing was changed');
    return answer;
  };
  const given = await ask('Password');
  if ((await ask('The same password again')) !== given) throw commandError('The two passwords differ; nothing was changed');
  return given;
}

/** Standard input without the line end that `echo` adds. */
export async function readSecretLine(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunks.at(-1)?.length ?? 0;
    if (bytes > MAX_BYTES) throw usageError('Standard input is longer than any password');
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw usageError('Standard input is empty: it must hold the password');
  return text;
}
