// latchkey import: brings people over from another server. Without --apply it only reports.
import { join } from 'node:path';
import type { Command } from 'commander';
import { OPERATOR } from '../../accounts/actor.ts';
import type { ImportReport } from '../../accounts/import_report.ts';
import { readTextFile } from '../../config/text_file.ts';
import { readYamlFile } from '../../config/yaml_file.ts';
import { STORAGE_FILES, type StorageFiles } from '../../domain/home_assistant_schema.ts';
import { MAX_IMPORT_SIZE } from '../../domain/import_source.ts';
import { parseStrictJson } from '../../domain/strict_json.ts';
import { type CliCommand, type CliContext, type ConfigOption, withConfig, withContainer } from '../command.ts';
import type { CliContainer } from '../container.ts';
import { commandError } from '../exit.ts';
import { importLines } from '../import_lines.ts';

const MAX_FLAWS = 10;

interface ImportCommandOptions extends ConfigOption {
  apply?: boolean;
  reuseUsernames?: boolean;
  /** `--without-tokens`. */
  withoutTokens?: boolean;
  json?: boolean;
}

export const command: CliCommand = {
  declare(program, context) {
    const command = program.command('import').description('bring people over from another server');
    withImportOptions(command.command('home-assistant'))
      .description('people, groups, passwords, second factors and tokens of Home Assistant')
      .argument('<dir>', 'its folder .storage, or the configuration folder around it')
      .option('--without-tokens', 'leave all tokens behind: every app and script logs in again')
      .action(async (dir: string, options: ImportCommandOptions) => {
        const files = await readStorage(dir);
        await bring(context, options, ({ imports }, run) => imports.homeAssistant(files, run, OPERATOR));
      });
    withImportOptions(command.command('authelia'))
      .description("people, groups and passwords of Authelia's users file")
      .argument('<file>', 'users_database.yml')
      .action(async (file: string, options: ImportCommandOptions) => {
        const users = await readYaml(file);
        await bring(context, options, ({ imports }, run) => imports.authelia(users, run, OPERATOR));
      });
  },
};

function withImportOptions(command: Command): Command {
  return withConfig(command)
    .option('--apply', 'bring them over; without it nothing is changed')
    .option('--reuse-usernames', 'allow usernames that belonged to other people here')
    .option('--json', 'print the report as JSON');
}

type Run = (
  container: CliContainer,
  options: { apply: boolean; without_tokens: boolean; reuse_usernames: boolean },
) => Promise<ImportReport>;

async function bring(context: CliContext, options: ImportCommandOptions, run: Run): Promise<void> {
  const { apply = false, withoutTokens: without_tokens = false, reuseUsernames: reuse_usernames = false, json = false } = options;
  const report = await withContainer(context, options, (container) => run(container, { apply, without_tokens, reuse_usernames }));
  context.io.out(
    json
      ? `${JSON.stringify(report, null, 2)}\n`
      : importLines(report)
          .map((line) => `${line}\n`)
          .join(''),
  );
}

/** The files of `.storage` that exist, each of at most 32 MB. */
async function readStorage(dir: string): Promise<StorageFiles> {
  for (const folder of [dir, join(dir, '.storage')]) {
    const files = await readFiles(folder);
    if ('auth' in files) return files;
  }
  throw commandError(`There is no Home Assistant storage in ${dir}: name the folder with the file "auth", usually .storage`);
}

async function readFiles(folder: string): Promise<StorageFiles> {
  const found = await Promise.all(STORAGE_FILES.map(async (name) => [name, await readJson(join(folder, name))] as const));
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

async function readYaml(path: string): Promise<unknown> {
  const { value, flaws } = await readYamlFile(path);
  const places = flaws.map(({ position, message }) => `${path}${position ? `:${position.line}:${position.col}` : ''}: ${message}`);
  if (places.length > 0) throw commandError(places.slice(0, MAX_FLAWS).join('; '));
  return value;
}

/** Undefined without the file. Its text is not quoted: it is full of secrets. */
async function readJson(path: string): Promise<unknown> {
  const read = await readTextFile(path, MAX_IMPORT_SIZE);
  if ('complaint' in read) {
    if (read.is_missing) return undefined;
    throw commandError(`${path}: ${read.complaint}`);
  }
  try {
    return parseStrictJson(Buffer.from(read.text));
  } catch {
    throw commandError(`${path}: it is not valid JSON, or only half of it was written`);
  }
}
