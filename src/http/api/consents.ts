// /api/me/consents: the apps that people have agreed to, and what they take back.

import { z } from 'zod';
import type { Consents } from '../../accounts/consents.ts';
import { type ApiRoute, apiRoute, pageSchema } from './api_route.ts';

const consent = z.object({
  client_id: z.string(),
  client_name: z.string().nullable(),
  scope: z.array(z.string()),
  /** Servers at which the app uses its tokens, beside us. */
  resources: z.array(z.string()),
  granted_at: z.date(),
});

export function consentRoutes(consents: Consents): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/me/consents',
      who: 'anyone',
      answer: pageSchema(consent),
      // One of each app, bounded: one page.
      handle: async ({ caller }) => ({ items: await consents.list(caller.user.id), next_cursor: null }),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/consents/:client_id',
      who: 'anyone',
      handle: ({ caller, actor, text }) => consents.withdraw(caller.user.id, text('client_id'), actor),
    }),
  ];
}
