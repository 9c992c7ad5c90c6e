// Asks before what cannot be undone.
import type { Io } from './command.ts';
import { refusal, usageError } from './exit.ts';

/** Returns after a yes; throws after anything else, and a usage error where nobody can be asked. */
export async function confirm(io: Io, message: string): Promise<void> {
  if (io.stdin.isTTY !== true) throw usageError('There is no terminal to ask at: say --yes');
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({ message, initialValue: false });
  if (answer !== true) throw refusal('Nothing was changed');
}
