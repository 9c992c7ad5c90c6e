// The test files that need neither PostgreSQL nor the built program: `npm run test:pure` runs only
// these.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Modules that start a database, a server or another program. */
const IMPURE = /from '(node:child_process|\.{1,2}\/[^']*(database|built_server|process)\.ts)'|provide\(|inject\('/;

/** Paths relative to the repository, for the `include` of a vitest project. */
export function pureTests(): string[] {
  const known = new Map<string, boolean>();
  const isPure = (file: string): boolean => {
    const found = known.get(file);
    if (found !== undefined) return found;
    known.set(file, true);
    const text = readFileSync(file, 'utf8');
    const imports = Array.from(text.matchAll(/^(?:import|export|\}) .*from '(\.{1,2}\/[^']+\.tsx?)';/gm), ([, path = '']) =>
      resolve(dirname(file), path),
    );
    const pure = !IMPURE.test(text) && imports.filter((path) => path.startsWith(join(ROOT, 'test'))).every(isPure);
    known.set(file, pure);
    return pure;
  };
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'));
  return files.map((path) => join('test', path)).filter((path) => isPure(join(ROOT, path)));
}
