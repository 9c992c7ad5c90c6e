// Reads headers as they were sent: Node's `headers` hides repetition.

import type { FastifyRequest } from 'fastify';

/** Every value of a header; the name in lower case. */
export function headerValues(request: FastifyRequest, name: string): string[] {
  const { rawHeaders } = request.raw;
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
