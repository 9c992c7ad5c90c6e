// /api/me/credentials: the caller's login methods, linked in a browser and unlinked here.

import { z } from 'zod';
import type { Credentials } from '../../accounts/credentials.ts';
import type { LinkTickets } from '../../accounts/link_tickets.ts';
import { type ApiRoute, apiRoute, pageSchema } from './api_route.ts';

interface Deps {
  credentials: Credentials;
  linkTickets: LinkTickets;
  public_url: string;
}

const credential = z.object({
  id: z.string(),
  auth_provider_type: z.string(),
  auth_provider_id: z.string().nullable(),
  /** Null if the provider is no longer configured. */
  auth_provider_name: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
  created_at: z.date(),
});

const newLink = z.strictObject({ auth_provider_type: z.string(), auth_provider_id: z.string().nullable().default(null) });

export function credentialRoutes({ credentials, linkTickets, public_url }: Deps): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/me/credentials',
      who: 'anyone',
      summary: 'Your login methods',
      answer: pageSchema(credential),
      // One per provider, so a single page.
      handle: async ({ caller }) => ({ items: await credentials.list(caller.user.id), next_cursor: null }),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/me/credentials/link',
      who: 'anyone',
      summary: 'Start linking a login method; returns the URL to open in a browser',
      errors: ['reauth_required'],
      example: { auth_provider_type: 'ldap', auth_provider_id: 'office' },
      body: newLink,
      status: 201,
      answer: z.object({ url: z.string(), expires_at: z.date() }),
      handle: async ({ caller, body }) => {
        const { ticket, expires_at } = await linkTickets.issue(caller, body);
        return { url: `${public_url}/account/link?ticket=${ticket}`, expires_at };
      },
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/credentials/:credential_id',
      who: 'anyone',
      summary: 'Unlink a login method',
      errors: ['last_credential', 'reauth_required'],
      handle: ({ caller, actor, id }) => credentials.unlink(caller.user.id, id('credential_id'), actor),
    }),
  ];
}
