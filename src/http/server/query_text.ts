// The raw query string, in which repeated and malformed parameters are visible.
import type { FastifyRequest } from 'fastify';

/** The raw query with its question mark; empty without one. */
export function queryText(request: FastifyRequest): string {
  const start = request.url.indexOf('?');
  return start < 0 ? '' : request.url.slice(start);
}
