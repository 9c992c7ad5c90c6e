// POST /api/permissions/check: checks a user's permission. The caller supplies what Home Assistant
// would look up in its registries.

import { z } from 'zod';
import type { Permissions } from '../../accounts/permissions.ts';
import { AuthError } from '../../domain/errors.ts';
import { type ApiRoute, apiRoute } from './api_route.ts';

const text = z.string().min(1).max(256);

const question = z.strictObject({
  /** Absent: the caller. */
  user_id: z.string().optional(),
  category: text,
  object: z.strictObject({ entity_id: text, device_id: text, area_id: text, domain: text }).partial(),
  key: text,
});

export function permissionRoutes(permissions: Permissions): ApiRoute[] {
  return [
    apiRoute({
      method: 'POST',
      url: '/api/permissions/check',
      who: 'anyone',
      summary: 'Check whether a user has a permission',
      example: { category: 'entities', object: { entity_id: 'light.kitchen', domain: 'light' }, key: 'control' },
      body: question,
      answer: z.object({ allowed: z.boolean() }),
      handle: async ({ caller, actor, body: { user_id = caller.user.id, ...asked } }) => {
        if (user_id !== caller.user.id && !actor.is_admin) throw new AuthError('unauthorized');
        return { allowed: await permissions.check(user_id, asked) };
      },
    }),
  ];
}
