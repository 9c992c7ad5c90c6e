// /api/approvals: waiting people and apps, and decisions about apps. People are approved under
// /api/users.

import { z } from 'zod';
import type { Approvals } from '../../accounts/approvals.ts';
import { type ApiRoute, apiRoute } from './api_route.ts';

const app = z.object({
  client_id: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  metadata_hash: z.string(),
  created_at: z.date(),
});

const pending = z.object({
  users: z.array(
    z.object({
      id: z.string(),
      name: z.string().nullable(),
      username: z.string().nullable(),
      /** The suggested username, if still free. */
      suggested_username: z.string().nullable(),
      email: z.string().nullable(),
      email_verified: z.boolean(),
      group_ids: z.array(z.string()),
      credentials: z.array(z.object({ type: z.string(), id: z.string().nullable(), data: z.record(z.string(), z.unknown()) })),
      created_at: z.date(),
    }),
  ),
  /** Apps that name themselves by a URL. */
  url_clients: z.array(app),
  /** Apps that registered themselves. */
  clients: z.array(app),
});

/** With the hash of the metadata seen; if that has changed, the decision is refused. */
const decision = z.strictObject({
  client_id: z.string().min(1).max(2048),
  metadata_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .default(null),
});

export function approvalRoutes(approvals: Approvals): ApiRoute[] {
  const decide = (url: `/api/${string}`, word: 'approve' | 'refuse', status: 'approved' | 'refused') =>
    apiRoute({
      method: 'POST',
      url: `${url}/${word}`,
      who: 'approver',
      summary: word === 'approve' ? 'Approve an app that asked for access' : 'Refuse an app and revoke what it was granted',
      errors: ['not_found', 'cannot_modify_owner'],
      example: { client_id: 'https://app.example.com/' },
      body: decision,
      handle: ({ body, actor }) => approvals.decide({ ...body, status }, actor),
    });
  return [
    apiRoute({
      method: 'GET',
      url: '/api/approvals',
      who: 'approver',
      summary: 'The people and apps that wait for approval',
      answer: pending,
      handle: () => approvals.pending(),
    }),
    ...['/api/approvals' as const, '/api/url_clients' as const].flatMap((url) => [
      decide(url, 'approve', 'approved'),
      decide(url, 'refuse', 'refused'),
    ]),
  ];
}
