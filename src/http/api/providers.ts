// POST /api/providers/{key}/test: the owner runs a provider's real flow and sees the identity and
// the resulting user. See login/provider_test.ts.

import { z } from 'zod';
import type { ProviderTest } from '../../login/provider_test.ts';
import { type ApiRoute, apiRoute } from './api_route.ts';

const request = z.strictObject({
  /** The input of a form, or the query parameters of an external return. Absent: show the step. */
  values: z.record(z.string().max(256), z.string().max(8192)).nullable().default(null),
  /** From the previous step. */
  flow_state: z.string().max(32_768).nullable().default(null),
});

const record = z.record(z.string(), z.unknown());

const user = z.object({
  id: z.string().nullable(),
  name: z.string().nullable(),
  is_active: z.boolean(),
  local_only: z.boolean(),
  group_ids: z.array(z.string()),
});

const step = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('form'),
    step_id: z.string(),
    data_schema: z.array(record),
    errors: record.nullable(),
    description_placeholders: record.optional(),
    detail: z.string().optional(),
    flow_state: z.string(),
  }),
  z.object({ type: z.literal('external'), step_id: z.string(), url: z.string(), flow_state: z.string() }),
  z.object({ type: z.literal('abort'), reason: z.string(), detail: z.string().optional() }),
  z.object({
    type: z.literal('identity'),
    identity: record,
    foreseen: z.object({ outcome: z.string(), user: user.nullable(), refusal: z.string().nullable() }),
  }),
]);

export function providerRoutes(tryProvider: ProviderTest): ApiRoute[] {
  return [
    apiRoute({
      method: 'POST',
      url: '/api/providers/:key/test',
      who: 'owner',
      summary: 'Run the login of a provider without changing anything',
      errors: ['too_many_requests'],
      example: { values: null },
      body: request,
      answer: step,
      handle: ({ id, body, actor }) => tryProvider({ provider: id('key'), ...body, remote_address: actor.remote_address ?? '', actor }),
    }),
  ];
}
