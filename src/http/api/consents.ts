// /api/me/consents: the caller's consents to apps, and their withdrawal.

import { z } from 'zod';
import type { Consents } from '../../accounts/consents.ts';
import { type ApiRoute, apiRoute, pageSchema } from './api_route.ts';

const consent = z.object({
  client_id: z.string(),
  client_name: z.string().nullable(),
  scope: z.array(z.string()),
  /** Other resource servers of the app. */
  resources: z.array(z.string()),
  granted_at: z.date(),
});

export function consentRoutes(consents: Consents): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/me/consents',
      who: 'anyone',
      summary: 'The apps that you gave access',
      answer: pageSchema(consent),
      // One per app and bounded, so a single page.
      handle: async ({ caller }) => ({ items: await consents.list(caller.user.id), next_cursor: null }),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/consents/:client_id',
      who: 'anyone',
      summary: 'Withdraw the access of an app',
      handle: ({ caller, actor, text }) => consents.withdraw(caller.user.id, text('client_id'), actor),
    }),
  ];
}
