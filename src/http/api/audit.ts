// GET /api/audit: the audit log.

import { z } from 'zod';
import type { Activity } from '../../accounts/activity.ts';
import { AUDIT_EVENT_TYPES } from '../../domain/audit_event_texts.ts';
import { type ApiRoute, apiRoute, pageQuery, pageSchema } from './api_route.ts';

const time = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .optional();
const text = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .refine((value) => value.isWellFormed() && !value.includes('\0'))
    .optional();

const filter = pageQuery.extend({
  /** Who did it, or to whom it was done. */
  user_id: text(64),
  client_id: text(2048),
  type: z.enum(AUDIT_EVENT_TYPES).optional(),
  outcome: z.enum(['done', 'refused']).optional(),
  remote_address: text(64),
  error_ref: text(64),
  since: time,
  until: time,
});

const event = z.object({
  id: z.number(),
  at: z.date(),
  type: z.string(),
  /** What happened, in words. */
  text: z.string(),
  outcome: z.enum(['done', 'refused']),
  error_ref: z.string().nullable(),
  actor_user_id: z.string().nullable(),
  actor_name: z.string().nullable(),
  target_user_id: z.string().nullable(),
  target_name: z.string().nullable(),
  client_id: z.string().nullable(),
  client_name: z.string().nullable(),
  remote_address: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
});

export function auditRoutes(activity: Activity): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/audit',
      who: 'admin',
      summary: 'The audit log, newest first',
      query: filter,
      answer: pageSchema(event),
      handle: ({ query }) => activity.list(query),
    }),
  ];
}
