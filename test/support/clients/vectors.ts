// The cases drawn from Home Assistant's behaviour, one area at a time.
import { readFileSync } from 'node:fs';

export interface Vector {
  id: string;
  area: string;
  // The shape differs by area; each test knows its own.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  given: any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  request: any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  expect: any;
}

const FILE = new URL('../../vectors/ha.jsonl', import.meta.url);

/**
 * All vectors of an area, in file order; an unknown area is an error, so that a test cannot run
 * nothing.
 */
export function vectors(area: string): Vector[] {
  const lines = readFileSync(FILE, 'utf8').split('\n').filter(Boolean);
  const found = lines.map((line) => JSON.parse(line) as Vector).filter((vector) => vector.area === area);
  if (found.length === 0) throw new Error(`no vectors of area ${area}`);
  return found;
}
