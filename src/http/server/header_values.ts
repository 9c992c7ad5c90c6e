// A header as it was sent: once, never, or more often than its meaning allows, which Node's `headers` hides.

import type { FastifyRequest } from 'fastify';

/** Every value sent under this name; the name in lower case. */
export function headerValues(request: FastifyRequest, name: string): string[] {
  const { rawHeaders } = request.raw;
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
