// Runs a command line and returns its exit code. Only the named command's file is loaded.

import { readdir, readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { debuglog } from 'node:util';
import { Command, CommanderError } from 'commander';
import { type CliCommand, type CliContext, CONFIG_OPTION } from './command.ts';
import { EXIT, exitFailure } from './exit.ts';

const FOLDER = new URL('./commands/', import.meta.url);
/** `.ts` from source, `.js` when built. */
const EXTENSION = extname(import.meta.url);

/** `argv`: the arguments after `latchkey`; without a command, `serve`. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const moved = configLast(argv);
  const words = moved[0] === undefined || /^-(?!h$|-help$|V$|-version$)/.test(moved[0]) ? ['serve', ...moved] : moved;
  const program = await createProgram(context);
  for (const name of await namesToLoad(words[0])) (await loadCommand(name)).declare(program, context);
  try {
    await program.parseAsync(words, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return exitCode(error, context);
  }
}

/** `--config` may be anywhere; commander expects it after the command that declares it. */
function configLast(argv: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const before: string[] = [];
  const config: string[] = [];
  for (let index = 0; index < end; index += 1) {
    const word = argv[index] ?? '';
    if (word === '--config' && index + 1 < end) config.push(word, argv[++index] ?? '');
    else (word.startsWith('--config=') ? config : before).push(word);
  }
  return [...before, ...config, ...argv.slice(end)];
}

async function createProgram({ io }: CliContext): Promise<Command> {
  const { version, description } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  return (
    new Command('latchkey')
      .description(`${description}. Without a command it serves.`)
      .version(version)
      // For the help only; commands parse it, see configLast.
      .option(...CONFIG_OPTION)
      .enablePositionalOptions()
      .exitOverride()
      .configureOutput({ writeOut: io.out, writeErr: io.err })
      .showHelpAfterError('(--help shows what there is)')
  );
}

async function namesToLoad(named: string | undefined): Promise<string[]> {
  const files = await readdir(FOLDER);
  const names = files.filter((file) => extname(file) === EXTENSION).map((file) => basename(file, EXTENSION));
  return names.includes(named ?? '') ? names.filter((name) => name === named) : names.sort();
}

async function loadCommand(name: string): Promise<CliCommand> {
  const { command } = await import(new URL(name + EXTENSION, FOLDER).href);
  return command;
}

/** Commander has printed its message. NODE_DEBUG=latchkey prints a stack. */
function exitCode(error: unknown, { io }: CliContext): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  debuglog('latchkey')('%O', error);
  const { code, lines } = exitFailure(error);
  for (const line of lines) io.err(`${line}\n`);
  return code;
}
