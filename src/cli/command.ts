// The contract of a CLI command. A file in commands/ exports one CliCommand as `command`, with the
// command's name. Commands write through `io` and reach the server through `wiring`.
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { type Config, findConfigFile } from '../config/load.ts';
import type { CliContainer, RunningApp } from './container.ts';

export interface CliCommand {
  /** Declares the command and its options. */
  declare(program: Command, context: CliContext): void;
}

/** A command's environment. */
export interface Io {
  /** Results. */
  out(text: string): void;
  /** Errors, questions and progress. */
  err(text: string): void;
  stdin: Readable & { isTTY?: boolean };
  env: Record<string, string | undefined>;
  /** Signals that ask to stop. */
  signals: Pick<NodeJS.EventEmitter, 'on' | 'once' | 'off'>;
}

/** How the composition root builds things; passed in by main.ts. */
export interface CliWiring {
  /** The JSON Schema of the configuration file. */
  configSchema(): Promise<Record<string, unknown>>;
  /** Throws a `ConfigError` with all issues. */
  loadConfig(file: string | undefined): Promise<Config>;
  /**
   * Everything but the HTTP server, beside a running one or alone. Without `create` it fails if
   * there is no database.
   */
  openContainer(config: Config, options: { create: boolean }): Promise<CliContainer>;
  /** The whole server, before listening. */
  createApp(config: Config): Promise<RunningApp>;
}

export interface CliContext {
  io: Io;
  wiring: CliWiring;
}

/** The options of every command that reads the configuration. */
export interface ConfigOption {
  config?: string;
}

export const CONFIG_OPTION = [
  '--config <file>',
  'configuration file (default: $LATCHKEY_CONFIG, else config.yaml where there is one)',
] as const;

/** Adds `--config` to a command. */
export function withConfig(command: Command): Command {
  return command.option(...CONFIG_OPTION);
}

/** The configuration named by `--config`, the environment or the working directory. */
export function loadCommandConfig({ io, wiring }: CliContext, { config }: ConfigOption): Promise<Config> {
  return wiring.loadConfig(config ?? findConfigFile(io.env));
}

/**
 * Opens the configured container, runs the command, and closes it. `create`: creates an embedded
 * database if there is none; otherwise a command in the wrong directory fails without leaving
 * anything there.
 */
export async function withContainer<T>(
  context: CliContext,
  options: ConfigOption,
  work: (container: CliContainer) => Promise<T>,
  { create = false }: { create?: boolean } = {},
): Promise<T> {
  const container = await context.wiring.openContainer(await loadCommandConfig(context, options), { create });
  try {
    return await work(container);
  } finally {
    await container.close();
  }
}
