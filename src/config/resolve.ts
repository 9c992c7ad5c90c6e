// Resolves marked settings: reads secrets from `_file`, makes relative paths absolute, and treats
// keys without a value as absent.

import { resolve } from 'node:path';
import { z } from 'zod';
import { pathText } from '../domain/json.ts';
import type { ConfigPath, ReportIssue } from './issues.ts';
import { readSecretFile } from './secret_file.ts';
import { defaultOf, entries, hasMark, isBlock, unwrap } from './shape.ts';
import { readTextFile } from './text_file.ts';

export interface ResolveContext {
  /** The base of relative paths. */
  folder: string;
  complain: ReportIssue;
  /** Secret files by path of the secret. */
  secret_files: Map<string, ConfigPath>;
  /** Secrets by path as earlier versions read them, where that differs. */
  earlier_secrets: Map<string, string>;
}

/** The value with all marked settings resolved. */
export async function resolveSettings(schema: z.ZodType, value: unknown, path: ConfigPath, context: ResolveContext): Promise<unknown> {
  const kind = unwrap(schema);
  if (kind instanceof z.ZodObject && isBlock(value)) return resolveBlock(kind, value, path, context);
  if (kind instanceof z.ZodArray && Array.isArray(value)) return resolveList(kind, value, path, context);
  if (!hasMark(schema, 'path') || typeof value !== 'string') return value;
  const file = resolve(context.folder, value);
  if (hasMark(schema, 'holds')) await complainOfCertificates(file, path, context);
  return file;
}

const LARGEST_CERTIFICATES = 1024 * 1024;

/** Checked here, since the first connection would fail much later. */
async function complainOfCertificates(file: string, path: ConfigPath, context: ResolveContext): Promise<void> {
  const read = await readTextFile(file, LARGEST_CERTIFICATES);
  if ('complaint' in read) context.complain(path, `${file}: ${read.complaint}`);
  else if (!/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(read.text))
    context.complain(path, `${file}: it holds no certificate in PEM`);
}

async function resolveList(list: z.ZodArray, values: unknown[], path: ConfigPath, context: ResolveContext): Promise<unknown[]> {
  const { element } = list;
  if (!(element instanceof z.ZodType)) return values;
  return Promise.all(values.map((value, index) => resolveSettings(element, value, [...path, index], context)));
}

async function resolveBlock(
  block: z.ZodObject,
  value: Record<string, unknown>,
  path: ConfigPath,
  context: ResolveContext,
): Promise<Record<string, unknown>> {
  const resolved = { ...value };
  for (const [key, schema] of entries(block)) {
    if (hasMark(schema, 'secret')) await resolveSecret(resolved, key, unwrap(schema) instanceof z.ZodArray, path, context);
    const given = resolved[key] ?? (hasMark(schema, 'path') ? defaultOf(schema) : undefined);
    if (given === undefined) delete resolved[key];
    else resolved[key] = await resolveSettings(schema, given, [...path, key], context);
  }
  return resolved;
}

/** Replaces `<key>_file` by the file's content; a list of secrets has one per line. */
async function resolveSecret(
  block: Record<string, unknown>,
  key: string,
  isList: boolean,
  path: ConfigPath,
  context: ResolveContext,
): Promise<void> {
  const fileKey = `${key}_file`;
  const file = block[fileKey];
  delete block[fileKey];
  if (file === null || file === undefined) return;
  context.secret_files.set(pathText([...path, key]), [...path, fileKey]);
  const complain = (message: string) => context.complain([...path, fileKey], message);
  if (block[key] !== null && block[key] !== undefined) return complain(`give either ${key} or ${fileKey}, not both`);
  if (typeof file !== 'string' || file === '') return complain('must be the path of a file');
  const read = await readSecretFile(resolve(context.folder, file));
  if ('complaint' in read) return complain(read.complaint);
  if (read.raw !== read.secret) context.earlier_secrets.set(pathText([...path, key]), read.raw);
  block[key] = isList ? read.secret.split(/\r?\n/) : read.secret;
}
