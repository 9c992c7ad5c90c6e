// Formats issues as lines that start with their position: line and column of the file, or the
// environment variable.

import { pathText } from '../domain/json.ts';
import type { ConfigIssue, ConfigPath } from './issues.ts';
import type { SourcePosition, YamlFile } from './yaml_file.ts';

export interface ReportSource {
  file: string | undefined;
  yaml: YamlFile;
  complaints: readonly ConfigIssue[];
  /** The variable that set a path. */
  variables: ReadonlyMap<string, string>;
  /** The setting that named a secret's file. */
  secret_files: ReadonlyMap<string, ConfigPath>;
}

interface Line {
  position: SourcePosition | undefined;
  text: string;
}

/** All distinct issues, in file order; those of the environment last. */
export function formatIssues(source: ReportSource): string[] {
  const flaws = source.yaml.flaws.map(({ position, message }) => ({ position, text: `${source.file}${place(position)}: ${message}` }));
  const lines = [...flaws, ...relevant(source).map((complaint) => lineOf(complaint, source))];
  return [...new Set(lines.sort(byPosition).map(({ text }) => text))];
}

/** A secret whose file could not be read is not reported as missing, too. */
function relevant({ complaints, secret_files }: ReportSource): ConfigIssue[] {
  const told = new Set(complaints.map(({ path }) => pathText(path)));
  return complaints.flatMap((complaint) => {
    const path = secret_files.get(pathText(complaint.path));
    if (!path) return [complaint];
    return told.has(pathText(path)) ? [] : [{ ...complaint, path }];
  });
}

function lineOf({ path, variable, message }: ConfigIssue, { file, yaml, variables }: ReportSource): Line {
  const name = variable ?? variableOf(path, variables);
  if (name) return { position: undefined, text: `${name}: ${message}` };
  const setting = path.length > 0 ? `${pathText(path)}: ` : '';
  if (file === undefined) return { position: undefined, text: `${setting}${message}` };
  const position = yaml.positionOf(path);
  return { position, text: `${file}${place(position)} ${setting}${message}` };
}

/**
 * The variable that set this path, with the rest of the path: `LATCHKEY_HTTP_TRUSTED_PROXIES[1]`.
 */
function variableOf(path: ConfigPath, variables: ReadonlyMap<string, string>): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const variable = variables.get(path.slice(0, length).join('.'));
    if (variable)
      return (
        variable +
        path
          .slice(length)
          .map((key) => `[${key}]`)
          .join('')
      );
  }
  return undefined;
}

function place(position: SourcePosition | undefined): string {
  return position ? `:${position.line}:${position.col}` : '';
}

function byPosition({ position: left }: Line, { position: right }: Line): number {
  if (!left || !right) return Number(!left) - Number(!right);
  return left.line - right.line || left.col - right.col;
}
