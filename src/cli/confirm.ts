// Asks for confirmation before destructive commands.
import type { Command } from 'commander';
import type { Io } from './command.ts';
import { commandError, usageError } from './exit.ts';

/** The option of destructive commands. */
export interface YesOption {
  yes?: boolean;
}

/** Adds `--yes`, for use without a terminal. */
export function withYes(command: Command): Command {
  return command.option('--yes', 'do not ask');
}

/** Returns after a yes; throws otherwise, with a usage error without a terminal. */
export async function confirm(io: Io, message: string, { yes }: YesOption = {}): Promise<void> {
  if (yes === true) return;
  if (io.stdin.isTTY !== true) throw usageError('stdin is not a terminal; pass --yes');
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({ message, initialValue: false });
  if (answer !== true) throw commandError('Nothing was changed');
}
