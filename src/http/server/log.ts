// The log: JSON lines. A line contains the path of a request but never its query, headers or body.

import type { FastifyRequest } from 'fastify';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogDestination } from './log_destination.ts';

const MAX_TEXT = 4096;

/** Serializers for requests and errors, used by Fastify as well. */
export const LOG_SERIALIZERS = {
  req: (request: FastifyRequest) => ({ method: request.method, path: request.url?.split('?', 1)[0]?.slice(0, 200) }),
  res: (reply: { statusCode?: number }) => ({ status: reply.statusCode }),
  err: errorLine,
};

/** A logger for `destination`, which must neither throw nor block. Absent: nowhere. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  return pino({ level, base: null, serializers: LOG_SERIALIZERS }, destination ?? { write() {} });
}

/** A logger that may lose lines: the first line after a loss reports their number. */
export function createLossyLog(level: string, destination: LogDestination): Logger {
  const log = createLog(level, destination);
  destination.onRecovery((lost_lines) => log.warn({ lost_lines }, 'log lines were lost'));
  return log;
}

/**
 * Type, code and stack. Other fields are omitted, since libraries may put rows and parameters
 * there.
 */
function errorLine(error: unknown): object {
  if (!(error instanceof Error)) return { message: cut(String(error)) };
  const code = 'code' in error ? String(error.code) : undefined;
  return { type: error.name, message: cut(error.message), code, stack: cut(error.stack ?? '') };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
