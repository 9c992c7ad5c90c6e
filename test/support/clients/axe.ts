// What a screen reader, a keyboard or a weak eye would stumble over on a page, by axe-core.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { CDPSession } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RUN = 'axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] })';

/** Each rule that is broken, with the elements that break it. */
export async function violationsOf(devtools: CDPSession): Promise<string[]> {
  // The page's own policy forbids scripts from elsewhere; the debugger may run one nevertheless.
  await devtools.send('Runtime.evaluate', { expression: AXE });
  const { result } = await devtools.send('Runtime.evaluate', { expression: RUN, awaitPromise: true, returnByValue: true });
  const { violations } = result.value as AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
