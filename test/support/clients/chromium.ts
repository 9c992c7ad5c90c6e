// Headless Chromium for the browser tests. Missing on a user's machine: the tests are skipped, with
// the reason; under CI that is a failure.
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATHS = [process.env.LATCHKEY_TEST_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = PATHS.find((path) => path !== undefined && existsSync(path));

/** Whether the browser tests cannot run here. */
export const noChromium = executablePath === undefined && process.env.CI === undefined;
if (noChromium) console.log('browser tests are skipped: no Chromium found; name one in LATCHKEY_TEST_CHROMIUM');

/** `more`: arguments that one test needs beside the usual ones. */
export async function launchChromium(more: readonly string[] = []): Promise<Browser> {
  if (executablePath === undefined) throw new Error('Chromium is missing');
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    ...more,
  ];
  return await chromium.launch({ executablePath, args });
}
