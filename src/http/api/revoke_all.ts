// POST /api/refresh_tokens/revoke_all: the owner revokes everything issued before a time, for
// everybody, including the caller's own token.

import { z } from 'zod';
import type { RevokeAll } from '../../accounts/revoke_all.ts';
import { type ApiRoute, apiRoute } from './api_route.ts';

/** Absent: everything. */
const cut = z.strictObject({
  before: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .optional(),
});

export function revokeAllRoutes(revokeAll: RevokeAll): ApiRoute[] {
  return [
    apiRoute({
      method: 'POST',
      url: '/api/refresh_tokens/revoke_all',
      who: 'owner',
      summary: 'Revoke everything that was issued before a time, for everybody',
      example: { before: '2020-01-01T00:00:00Z' },
      body: cut,
      answer: z.object({ before: z.date(), sessions: z.number(), refresh_tokens: z.number() }),
      handle: ({ body, actor }) => revokeAll(body, actor),
    }),
  ];
}
