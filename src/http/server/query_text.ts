// The query string of a request, unparsed: repeated and malformed parameters stay visible.
import type { FastifyRequest } from 'fastify';

/** The query of a request as it came, with its question mark; empty where there is none. */
export function queryText(request: FastifyRequest): string {
  const start = request.url.indexOf('?');
  return start < 0 ? '' : request.url.slice(start);
}
