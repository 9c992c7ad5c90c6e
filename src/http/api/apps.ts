// /api/apps: the apps that a recipe is known for, for administrators. POST /api/clients registers
// one.
import { z } from 'zod';
import type { Apps } from '../../accounts/apps.ts';
import { managedFields } from '../../domain/client_metadata.ts';
import { CATEGORIES, TESTED } from '../../recipes/recipe.ts';
import { type ApiRoute, apiRoute, pageSchema } from './api_route.ts';

const app = z.object({
  id: z.string(),
  name: z.string(),
  icon: z.string(),
  category: z.enum(CATEGORIES),
  summary: z.string(),
  tested: z.array(z.object({ version: z.string(), how: z.enum(TESTED), date: z.string(), documents: z.array(z.string()) })),
  url: z.string().nullable(),
  needs_client: z.boolean(),
});

/** What to enter on the app's side. */
export const appSide = z.object({
  server: z.string().nullable(),
  steps: z.array(
    z.union([
      z.object({ where: z.string(), language: z.string(), text: z.string() }),
      z.object({ where: z.string(), fields: z.record(z.string(), z.string()) }),
    ]),
  ),
  notes: z.array(z.string()),
});

const shown = app.extend({
  client: z
    .object({ ...managedFields, scope: z.array(z.string()) })
    .partial()
    .nullable(),
  ...appSide.shape,
});

export function appRoutes(apps: Apps): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/apps',
      who: 'admin',
      summary: 'Apps that a recipe is known for',
      answer: pageSchema(app),
      // As many as there are files in the program's folder, so a single page.
      handle: async () => ({ items: await apps.list(), next_cursor: null }),
    }),
    apiRoute({
      method: 'GET',
      url: '/api/apps/:app',
      who: 'admin',
      summary: 'How an app would be registered for an address, and what to enter on its side',
      query: z.strictObject({ url: z.string().max(500).optional() }),
      answer: shown,
      handle: ({ text, query }) => apps.show(text('app'), query.url),
    }),
  ];
}
