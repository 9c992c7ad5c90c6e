import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { commonMfaModuleKeys, commonProviderKeys } from '../../src/config/block.ts';
import { clientSchema, scopeSchema } from '../../src/config/client.ts';
import { ruleSchema } from '../../src/config/forward_auth.ts';
import { groupSchema } from '../../src/config/group.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import { hasMark, isBlock, knownKeys, schemaSettings } from '../../src/config/shape.ts';
import { newFolder, write } from './support.ts';

const EXAMPLE = readFileSync('config.example.yaml', 'utf8');
// A line that begins with # and no space is a setting to switch on.
const SWITCHED_ON = EXAMPLE.replaceAll(/^( *)#(?=\S)/gm, '$1');

/** The plug-ins that the folder holds, by type. */
async function plugIns(folder: string, name: 'provider' | 'mfa_module', ...built_in: string[]): Promise<Map<string, z.ZodObject>> {
  const files = readdirSync(folder).map((name) => (name.endsWith('.ts') ? name : `${name}/index.ts`));
  const modules: Record<string, { type: string; config: z.ZodObject }>[] = await Promise.all(
    files.map((file) => import(/* @vite-ignore */ pathToFileURL(`${folder}/${file}`).href)),
  );
  const found = modules.flatMap(({ [name]: plugIn }) => (plugIn ? [[plugIn.type, plugIn.config] as const] : []));
  return new Map([...built_in.map((type) => [type, z.object({})] as const), ...found]);
}

const provider_types = await plugIns('src/providers', 'provider', 'homeassistant');
const mfa_module_types = await plugIns('src/mfa_modules', 'mfa_module', 'totp');
const types = { env: {}, provider_types, mfa_module_types };

test('the example is valid as it stands, and what it shows are the defaults', async () => {
  expect(await loadConfig({ file: 'config.example.yaml', ...types })).toEqual(await loadConfig(types));
});

test('every setting that the example could switch on exists and has a fitting value', async () => {
  const file = write(newFolder(), 'config.yaml', SWITCHED_ON);
  const error = await loadConfig({ file, ...types }).catch((thrown: Error) => thrown);
  const lines = error instanceof Error ? error.message.split('\n') : [];
  // With everything on, secrets are given twice and their files are missing; placeholders must not
  // do as secrets.
  const expected = /not both$|there is no such file$|characters$|is used by mode verify-full only$|the local provider takes no id/;
  expect(lines.filter((line) => !expected.test(line))).toEqual([]);
});

test('the example names every key of the schema, with a comment above it', () => {
  const document = parseDocument(SWITCHED_ON);
  const lines = EXAMPLE.split('\n');
  for (const { path, schema } of schemaSettings(configSchema)) {
    expect(document.hasIn(path), path.join('.')).toBe(true);
    if (hasMark(schema, 'secret')) expect(document.hasIn(path.with(-1, `${path.at(-1)}_file`)), `${path.join('.')}_file`).toBe(true);
  }
  const keys = lines.flatMap((line, index) => (/^ *#?(- )?[a-z_]+:( |$)/.test(line) ? [index] : []));
  const bare = keys.filter((index) => !/^ *# /.test(lines[index - 1] ?? '') && !/:$|_file: /.test(lines[index] ?? ''));
  expect(bare.map((index) => lines[index])).toEqual([]);
});

test('the example names every key of the blocks it shows', () => {
  const data: unknown = parseDocument(SWITCHED_ON).toJS();
  const blocks = (key: string) => (isBlock(data) && Array.isArray(data[key]) ? (data[key] as Record<string, unknown>[]) : []);
  const expectKeys = (list: string, schema: z.ZodObject, block: Record<string, unknown>) => {
    for (const key of knownKeys(schema)) expect(Object.keys(block), `${list}: ${key}`).toContain(key);
  };
  // What all providers have in common is shown once.
  const [first, ...others] = blocks('auth_providers');
  const { id: _, ...common } = commonProviderKeys;
  expectKeys('auth_providers', (provider_types.get(String(first?.type)) ?? z.object({})).extend(common), first ?? {});
  for (const block of others) expectKeys('auth_providers', provider_types.get(String(block.type)) ?? z.object({}), block);
  for (const [index, block] of blocks('auth_mfa_modules').entries()) {
    const own = mfa_module_types.get(String(block.type)) ?? z.object({});
    expectKeys('auth_mfa_modules', index === 0 ? own.extend(commonMfaModuleKeys) : own, block);
  }
  for (const block of blocks('groups')) expectKeys('groups', groupSchema, block);
  for (const block of blocks('clients')) expectKeys('clients', clientSchema, block);
  for (const block of blocks('scopes')) expectKeys('scopes', scopeSchema, block);
  const { rules } = (isBlock(data) ? data.forward_auth : {}) as { rules: Record<string, unknown>[] };
  for (const block of rules) expectKeys('forward_auth.rules', ruleSchema, block);
  expect([...provider_types.keys()].filter((type) => !EXAMPLE.includes(`type: ${type}`))).toEqual([]);
  expect([...mfa_module_types.keys()].filter((type) => !EXAMPLE.includes(`type: ${type}`))).toEqual([]);
});
