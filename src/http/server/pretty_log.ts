// Log lines for a person at a terminal. Elsewhere the log stays JSON.

import { prettyFactory } from 'pino-pretty';
import { cleanText } from '../../domain/text.ts';

const MAX_TEXT = 4096;

/** Formats a JSON line; control characters, which a terminal would obey, are removed. */
export function createPrettyLine({ colorize }: { colorize: boolean }): (line: string) => string {
  const pretty = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  return (line) => {
    try {
      return pretty(JSON.parse(line, (_key, value) => (typeof value === 'string' ? plain(value) : value)));
    } catch {
      // A log must not throw.
      return `${plain(line)}\n`;
    }
  };
}

/** Only stacks have line ends. */
function plain(text: string): string {
  return text
    .split('\n')
    .map((part) => cleanText(part, MAX_TEXT))
    .join('\n');
}
