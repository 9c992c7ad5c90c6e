// The log: one JSON line for each thing that happened. A line names the path of a request, never its query, headers or body.

import type { FastifyRequest } from 'fastify';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogDestination } from './log_destination.ts';

const MAX_TEXT = 4096;

/** How requests and errors are written wherever something logs one, Fastify included. */
export const LOG_SERIALIZERS = {
  req: (request: FastifyRequest) => ({ method: request.method, path: request.url?.split('?', 1)[0]?.slice(0, 200) }),
  res: (reply: { statusCode?: number }) => ({ status: reply.statusCode }),
  err: errorLine,
};

/** A log that writes to `destination`, which may neither throw nor block. Absent: nowhere. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  return pino({ level, base: null, serializers: LOG_SERIALIZERS }, destination ?? { write() {} });
}

/** The same, where lines may be lost: the first line after a loss tells how many there were. */
export function createLossyLog(level: string, destination: LogDestination): Logger {
  const log = createLog(level, destination);
  destination.onRecovery((lost_lines) => log.warn({ lost_lines }, 'log lines were lost'));
  return log;
}

/** Type, code and stack. Fields that a library adds may quote rows and parameters, so they stay out. */
function errorLine(error: unknown): object {
  if (!(error instanceof Error)) return { message: cut(String(error)) };
  const code = 'code' in error ? String(error.code) : undefined;
  return { type: error.name, message: cut(error.message), code, stack: cut(error.stack ?? '') };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
