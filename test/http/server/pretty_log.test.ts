// Log lines on a terminal.
import { expect, test } from 'vitest';
import { createLog } from '../../../src/http/server/log.ts';
import { createPrettyLine } from '../../../src/http/server/pretty_log.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const pretty = createPrettyLine({ colorize: false });
  const lines: string[] = [];
  write(createLog('info', { write: (line: string) => void lines.push(pretty(line)) }));
  return lines.join('');
}

test('a line shows its time, level, message and fields', () => {
  const text = logged((log) => log.warn({ client_id: 'wiki' }, 'the app was refused'));
  expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: the app was refused \{"client_id":"wiki"\}\n$/);
});

test('control characters of a stranger do not reach the terminal', () => {
  const hostile = '\u001b]0;owned\u0007\u009b31m\rred\u202e';
  const text = logged((log) => log.info({ detail: hostile, err: new Error(hostile) }, hostile));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not appear
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(text).toContain('owned');
});

test('an error is shown with its stack on lines of its own', () => {
  expect(logged((log) => log.error({ err: new Error('lost') }, 'background task failed'))).toMatch(
    /background task failed \n[\s\S]*\n +at .*pretty_log/,
  );
});

test('a line that is not JSON is written without control characters', () => {
  expect(createPrettyLine({ colorize: false })('no\u001bJSON')).toBe('no JSON\n');
});
