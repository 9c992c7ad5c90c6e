// /api/clients: registered clients, for administrators. A secret is returned only when it is
// created.

import { z } from 'zod';
import type { Apps } from '../../accounts/apps.ts';
import type { Clients } from '../../accounts/clients.ts';
import { managedFields } from '../../domain/client_metadata.ts';
import { type ApiRoute, apiRoute, pageQuery, pageSchema } from './api_route.ts';
import { appSide } from './apps.ts';

const patch = z.strictObject(managedFields).partial();
/** The maximum length of a path segment. */
const newClient = patch
  .extend({
    client_id: z.string().max(100).optional(),
    /** A recipe of GET /api/apps; the other fields override its settings. */
    app: z.string().max(100).optional(),
    /** The app's own address, for its recipe. */
    url: z.string().max(500).optional(),
  })
  .refine(({ app, url }) => app !== undefined || url === undefined, { path: ['url'], message: 'needs app' });

const client = z.object({
  client_id: z.string(),
  ...managedFields,
  scope: z.array(z.string()),
  managed_by: z.enum(['config', 'database', 'registration']),
  is_enabled: z.boolean(),
  /** Of an app that registered without a token; null for others. */
  approval: z.enum(['waived', 'new', 'pending', 'approved', 'refused']).nullable(),
  created_at: z.date(),
});
const whole = client.extend({ secrets: z.array(z.object({ id: z.string(), created_at: z.date(), expires_at: z.date().nullable() })) });

const DAY = 86_400;
const URL = '/api/clients/:client_id';

export function clientRoutes({ clients, apps }: { clients: Clients; apps: Apps }): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/clients',
      who: 'admin',
      summary: 'All registered clients',
      query: pageQuery.extend({ cursor: z.string().max(400).nullable().default(null) }),
      answer: pageSchema(client),
      handle: ({ query }) => clients.list(query),
    }),
    apiRoute({
      method: 'GET',
      url: URL,
      who: 'admin',
      summary: 'A registered client',
      answer: whole,
      handle: ({ text }) => clients.get(text('client_id')),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/clients',
      who: 'admin',
      summary: 'Register a client; the secret is shown only once',
      errors: ['conflict', 'not_found', 'unknown_group', 'reauth_required'],
      example: { client_name: 'Wiki', redirect_uris: ['https://wiki.example.com/callback'] },
      body: newClient,
      status: 201,
      answer: whole.extend({ client_secret: z.string().nullable(), app_side: appSide.optional() }),
      handle: ({ body: { app, url, ...fields }, actor }) =>
        app === undefined ? clients.create(fields, actor) : apps.register({ ...fields, app, url }, actor),
    }),
    apiRoute({
      method: 'PATCH',
      url: URL,
      who: 'admin',
      summary: 'Change a client',
      errors: ['managed_by_config', 'conflict', 'unknown_group', 'reauth_required'],
      example: { client_name: 'The wiki' },
      body: patch,
      answer: whole,
      handle: ({ text, body, actor }) => clients.update(text('client_id'), body, actor),
    }),
    apiRoute({
      method: 'DELETE',
      url: URL,
      who: 'admin',
      summary: 'Delete a client and revoke all its tokens',
      errors: ['managed_by_config', 'cannot_modify_owner', 'reauth_required'],
      handle: ({ text, actor }) => clients.remove(text('client_id'), actor),
    }),
    apiRoute({
      method: 'POST',
      url: `${URL}/secrets`,
      who: 'admin',
      summary: 'Add a secret; the others expire after the overlap',
      errors: ['managed_by_config', 'conflict', 'reauth_required'],
      example: { overlap: 3600 },
      /** Seconds for which earlier secrets stay valid. */
      body: z.strictObject({
        overlap: z
          .int()
          .min(0)
          .max(90 * DAY)
          .default(DAY),
      }),
      status: 201,
      answer: z.object({ id: z.string(), client_secret: z.string(), others_expire_at: z.date() }),
      handle: ({ text, body, actor }) => clients.rotateSecret(text('client_id'), body.overlap, actor),
    }),
    apiRoute({
      method: 'DELETE',
      url: `${URL}/secrets/:secret_id`,
      who: 'admin',
      summary: 'Delete a secret',
      errors: ['managed_by_config', 'conflict', 'reauth_required'],
      handle: ({ text, id, actor }) => clients.removeSecret(text('client_id'), id('secret_id'), actor),
    }),
  ];
}
