// GET /api/groups: every group with its policy.

import { z } from 'zod';
import type { Groups } from '../../accounts/groups.ts';
import { type ApiRoute, apiRoute, pageSchema } from './api_route.ts';

const group = z.object({
  id: z.string(),
  name: z.string(),
  policy: z.record(z.string(), z.unknown()),
  system_generated: z.boolean(),
  managed_by: z.enum(['system', 'config', 'database']),
});

export function groupRoutes(groups: Groups): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/groups',
      who: 'admin',
      summary: 'All groups with their policies',
      answer: pageSchema(group),
      // Bounded by the configuration, so a single page.
      handle: async () => ({ items: await groups.list(), next_cursor: null }),
    }),
  ];
}
