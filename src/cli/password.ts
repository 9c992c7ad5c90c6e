// Asks for a new password: twice without showing it at a terminal, or from standard input where a program gives it.
import type { Command } from 'commander';
import type { Io } from './command.ts';
import { commandError, usageError } from './exit.ts';

/** What every command that sets a password is asked for. */
export interface PasswordOption {
  passwordStdin?: boolean;
}

const MAX_BYTES = 64 * 1024;

/** Gives a command its `--password-stdin`. */
export function addPasswordOption(command: Command): Command {
  return command.option('--password-stdin', 'read the password from standard input');
}

/** The new password. Throws a usage error where nobody can be asked. */
export async function readNewPassword(io: Io, { passwordStdin }: PasswordOption): Promise<string> {
  if (passwordStdin === true) return await readSecretLine(io);
  // The prompt would end at once, without an answer and without an error.
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

/** All of standard input but the line end that `echo` adds. */
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
