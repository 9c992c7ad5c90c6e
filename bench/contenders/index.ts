// The contenders. To add a peer, write a file that returns a Contender and add it here; one that is
// not installed returns a reason and is skipped.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Contender, ContenderOptions } from '../contender.ts';
import { startLatchkey } from './latchkey.ts';
import { startOidcProvider } from './oidc_provider.ts';

export interface Entry {
  name: string;
  /** A running server, or why there is none. */
  start(options: ContenderOptions): Promise<Contender | { skipped: string }>;
}

/** The name of this version in the report. */
export const OURS = 'latchkey';
const OLDER = 'older';
const CHECKOUT = join(import.meta.dirname, '../..');

/** This version first; `older` is the folder of another checkout. */
export function contenders(older: string | undefined): Entry[] {
  return [
    { name: OURS, start: (options) => startBuilt(OURS, CHECKOUT, options) },
    ...(older === undefined ? [] : [{ name: OLDER, start: (options: ContenderOptions) => startBuilt(OLDER, older, options) }]),
    { name: 'oidc-provider', start: (options) => startOidcProvider('oidc-provider', options) },
    absent('hydra', 'hydra'),
    absent('dex', 'dex'),
    absent('home-assistant', 'hass'),
  ];
}

async function startBuilt(name: string, checkout: string, options: ContenderOptions): Promise<Contender | { skipped: string }> {
  if (!existsSync(join(checkout, 'dist/main.js'))) return { skipped: `${checkout} is not built: run npm run build there` };
  return await startLatchkey(name, checkout, options);
}

/** A peer without a contender yet. */
function absent(name: string, program: string): Entry {
  const found = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
  const skipped = found ? `${program} is installed, but bench/contenders has no file for it yet` : `no program ${program} in PATH`;
  return { name, start: async () => ({ skipped }) };
}
