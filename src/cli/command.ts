// The contract of a CLI command. A file in commands/ exports one CliCommand as `command`; its name is the command's.
// A command says things through `io` and reaches the server's parts through `wiring`; it knows neither the process nor how parts are built.
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { type Config, findConfigFile } from '../config/load.ts';
import type { CliParts, RunningApp } from './parts.ts';

export interface CliCommand {
  /** Adds the command, with its options and what it does, to the program. */
  declare(program: Command, context: CliContext): void;
}

/** The world around a command. */
export interface Io {
  /** What was asked for. */
  out(text: string): void;
  /** What went wrong, questions, and what is told by the way. */
  err(text: string): void;
  stdin: Readable & { isTTY?: boolean };
  env: Record<string, string | undefined>;
  /** Where a service manager, a container or Ctrl-C asks to stop. */
  signals: Pick<NodeJS.EventEmitter, 'on' | 'once' | 'off'>;
}

/** How the roof builds things; main.ts hands it in. */
export interface CliWiring {
  /** Throws a `ConfigError` with all complaints. */
  loadConfig(file: string | undefined): Promise<Config>;
  /** Everything but the HTTP server, beside a running one or alone. Without `create` it fails where there is no database yet. */
  openParts(config: Config, options: { create: boolean }): Promise<CliParts>;
  /** The whole server, not listening yet. */
  createApp(config: Config): Promise<RunningApp>;
}

export interface CliContext {
  io: Io;
  wiring: CliWiring;
}

/** What every command that reads the configuration is asked for. */
export interface ConfigOption {
  config?: string;
}

export const CONFIG_OPTION = [
  '--config <file>',
  'configuration file (default: $LATCHKEY_CONFIG, else config.yaml where there is one)',
] as const;

/** Gives a command its `--config`. */
export function withConfig(command: Command): Command {
  return command.option(...CONFIG_OPTION);
}

/** The configuration that `--config`, the environment or the working directory names. */
export function loadCommandConfig({ io, wiring }: CliContext, { config }: ConfigOption): Promise<Config> {
  return wiring.loadConfig(config ?? findConfigFile(io.env));
}

/**
 * Opens the configured server's parts, works with them, and closes them whatever happens. `create`: makes the embedded database where there is
 * none; otherwise a command in the wrong folder is refused and leaves nothing there.
 */
export async function withParts<T>(
  context: CliContext,
  options: ConfigOption,
  work: (parts: CliParts) => Promise<T>,
  { create = false }: { create?: boolean } = {},
): Promise<T> {
  const parts = await context.wiring.openParts(await loadCommandConfig(context, options), { create });
  try {
    return await work(parts);
  } finally {
    await parts.close();
  }
}
