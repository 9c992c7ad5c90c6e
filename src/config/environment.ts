// Environment variables override the file: any setting by its path, `LATCHKEY_LISTEN_PORT`. Lists
// are JSON; lists of blocks can only be in the file.

import { z } from 'zod';
import { didYouMean } from './issues.ts';
import { hasMark, isBlock, type SchemaSetting, schemaSettings, unwrap } from './shape.ts';

const PREFIX = 'LATCHKEY_';
/** Used elsewhere: the path of the configuration, and variables of the tests. */
const NOT_SETTINGS = /^LATCHKEY_(CONFIG$|TEST_)/;
/**
 * Variables that Kubernetes sets for services whose name starts with latchkey. `X_PORT` may also be
 * a setting, so its value decides.
 */
const SERVICE_LINKS = /^LATCHKEY_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\/\S+:\d{1,5}$/;

/** The merged data, and the variable that each overridden path came from. */
export interface EnvironmentOverlay {
  value: unknown;
  variables: Map<string, string>;
}

type ComplainOfVariable = (variable: string, message: string) => void;

interface Variable extends SchemaSetting {
  name: string;
}

/** Empty variables count as absent. */
export function overlayEnvironment(
  value: unknown,
  schema: z.ZodObject,
  env: Record<string, string | undefined>,
  complain: ComplainOfVariable,
): EnvironmentOverlay {
  const known = schemaSettings(schema).flatMap(variablesOf);
  complainOfUnknown(env, new Set(known.map(({ name }) => name)), complain);
  const given = known.flatMap((variable) => {
    const text = env[variable.name];
    const read = text && !isServiceLink(variable.name, text) ? readValue(variable, text, complain) : undefined;
    return read === undefined ? [] : [{ ...variable, value: read }];
  });
  // A secret from the environment replaces the file's in either spelling.
  const cleared = given.filter(isSecret).reduce((data, { path }) => without(data, otherSpelling(path)), value);
  return {
    value: given.reduce((data, variable) => placed(data, variable.path, variable.value), cleared),
    variables: new Map(given.map(({ name, path }) => [path.join('.'), name])),
  };
}

/** The variables of a setting. */
function variablesOf({ path, schema }: SchemaSetting): Variable[] {
  const name = PREFIX + path.join('_').toUpperCase();
  if (!hasMark(schema, 'secret')) return [{ name, path, schema }];
  const file = path.with(-1, `${path.at(-1)}_file`);
  return [
    { name, path, schema },
    { name: `${name}_FILE`, path: file, schema: z.string().meta({ secret: true }) },
  ];
}

function complainOfUnknown(env: Record<string, string | undefined>, known: ReadonlySet<string>, complain: ComplainOfVariable): void {
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || !text || known.has(name) || NOT_SETTINGS.test(name) || isServiceLink(name, text)) continue;
    complain(name, `unknown setting${didYouMean(name, known)}`);
  }
}

function isServiceLink(name: string, text: string): boolean {
  return SERVICE_LINKS.test(name) || (name.endsWith('_PORT') && SERVICE_ADDRESS.test(text));
}

function isSecret({ schema }: SchemaSetting): boolean {
  return hasMark(schema, 'secret');
}

function otherSpelling(path: string[]): string[] {
  const key = path.at(-1) ?? '';
  return path.with(-1, key.endsWith('_file') ? key.slice(0, -'_file'.length) : `${key}_file`);
}

/** Converts a text to the schema's type; what does not fit is left for the schema to report. */
function readValue({ name, schema }: Variable, text: string, complain: ComplainOfVariable): unknown {
  const kind = unwrap(schema);
  if (kind instanceof z.ZodArray) return readList(name, kind, text, complain);
  if (kind instanceof z.ZodNumber) return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
  if (kind instanceof z.ZodBoolean) return text === 'true' || (text === 'false' ? false : text);
  return text;
}

function readList(name: string, list: z.ZodArray, text: string, complain: ComplainOfVariable): unknown {
  if (!(list.element instanceof z.ZodString)) {
    complain(name, 'can be set in the config file only');
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    complain(name, 'must be a list in JSON, such as ["one", "two"]');
    return undefined;
  }
}

function placed(data: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (!(isBlock(data) || data === undefined || data === null)) return data;
  return { ...data, [key]: placed(data?.[key], rest, value) };
}

function without(data: unknown, [key, ...rest]: string[]): unknown {
  if (key === undefined || !isBlock(data) || !Object.hasOwn(data, key)) return data;
  const { [key]: inner, ...others } = data;
  return rest.length === 0 ? others : { ...others, [key]: without(inner, rest) };
}
