// A configuration in a folder of its own, read with two small plug-ins in place of the real ones.

import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { BlockSchemas } from '../../src/config/block.ts';
import { isConfigError } from '../../src/config/issues.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';

export const PROVIDER_TYPES: BlockSchemas = new Map<string, z.ZodObject>([
  ['homeassistant', z.object({ min_password_length: z.int().min(8).default(8) })],
  [
    'ldap',
    z
      .object({
        url: z.string().startsWith('ldaps://', 'must be a ldaps URL'),
        bind_password: z.string().min(4).meta({ secret: true }).optional(),
        ca_file: z.string().meta({ path: true }).optional(),
      })
      .refine(({ url, ca_file }) => !(url.includes('plain') && ca_file), { path: ['ca_file'], error: 'is not used here' }),
  ],
]);
export const MFA_MODULE_TYPES: BlockSchemas = new Map<string, z.ZodObject>([
  ['totp', z.object({})],
  ['notify', z.object({ target: z.string() })],
]);

/** An empty folder that goes with the machine's temporary files. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'latchkey-config-'));
}

export function write(folder: string, name: string, text: string, mode = 0o600): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** Reads the YAML text as `config.yaml` of a new folder; without text there is no file. */
export async function load(yaml?: string, env: Record<string, string> = {}, folder = newFolder()): Promise<Config> {
  const file = yaml === undefined ? undefined : write(folder, 'config.yaml', yaml);
  return loadConfig({ file, env, provider_types: PROVIDER_TYPES, mfa_module_types: MFA_MODULE_TYPES });
}

/** The complaints about the YAML text, the folder left out of each. */
export async function complaints(yaml?: string, env: Record<string, string> = {}, folder = newFolder()): Promise<string[]> {
  try {
    await load(yaml, env, folder);
    return [];
  } catch (error) {
    if (!isConfigError(error)) throw error;
    return error.complaints.map((complaint) => complaint.replaceAll(`${folder}/`, ''));
  }
}
