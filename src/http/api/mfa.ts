// /api/me/mfa: the caller's second factors (HA contract 11.3, auth/setup_mfa and auth/depose_mfa);
// changes require a fresh login. /api/users/{id}/mfa: the owner removes lost factors.

import { z } from 'zod';
import type { Mfa } from '../../accounts/mfa.ts';
import { type MfaCaller, type MfaSetup, mfaCallerOf } from '../../accounts/mfa_setup.ts';
import { AuthError } from '../../domain/errors.ts';
import { type ApiCall, type ApiRoute, apiRoute } from './api_route.ts';

export interface MfaRouteDeps {
  mfa: Mfa;
  mfaSetup: MfaSetup;
}

const enrolment = z.object({
  id: z.string(),
  mfa_module_id: z.string(),
  name: z.string().nullable(),
  created_at: z.date(),
  last_used_at: z.date().nullable(),
});

const overview = z.object({
  modules: z.array(z.object({ id: z.string(), type: z.string(), name: z.string(), enabled: z.boolean() })),
  enrolments: z.array(enrolment),
});

const field = z.object({
  type: z.string(),
  name: z.string(),
  required: z.boolean().optional(),
  optional: z.boolean().optional(),
  options: z.array(z.tuple([z.string(), z.string()])).optional(),
});

const opening = { flow_id: z.string(), handler: z.string() };

const step = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('form'),
    ...opening,
    step_id: z.string(),
    data_schema: z.array(field),
    errors: z.record(z.string(), z.string()),
    description_placeholders: z.record(z.string(), z.string()),
    last_step: z.null(),
    preview: z.null(),
  }),
  z.object({ type: z.literal('abort'), ...opening, reason: z.string(), description_placeholders: z.null() }),
  z.object({
    type: z.literal('create_entry'),
    ...opening,
    description: z.null(),
    description_placeholders: z.null(),
    data: z.object({ result: z.null() }),
  }),
]);

/** Without a flow one starts; otherwise it continues with the input. */
const setupBody = z.strictObject({ flow_id: z.string().max(64).optional(), user_input: z.record(z.string(), z.unknown()).optional() });

export function mfaRoutes({ mfa, mfaSetup }: MfaRouteDeps): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/me/mfa',
      who: 'anyone',
      summary: 'Your second factors and the modules on offer',
      answer: overview,
      handle: ({ caller }) => mfa.list(caller.user.id),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/me/mfa/:mfa_module_id/setup',
      who: 'anyone',
      summary: 'Start or continue the setup of a second factor',
      errors: ['no_module', 'not_system_user', 'unknown_flow', 'invalid_input', 'reauth_required', 'conflict'],
      example: {},
      body: setupBody,
      answer: step,
      handle: async (call) => {
        const { flow_id, user_input } = call.body;
        const module_id = call.id('mfa_module_id');
        if (flow_id !== undefined) return await mfaSetup.submit(mfaCaller(call), module_id, flow_id, user_input ?? {});
        if (user_input !== undefined) throw new AuthError('invalid_format', 'user_input needs the flow_id of its flow');
        return await mfaSetup.begin(mfaCaller(call), module_id);
      },
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/mfa/:mfa_module_id',
      who: 'anyone',
      summary: 'Remove your factors of a module',
      errors: ['no_module', 'mfa_required', 'last_credential', 'reauth_required'],
      handle: (call) => mfa.disable(mfaCaller(call), call.id('mfa_module_id')),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/mfa/enrolments/:enrolment_id',
      who: 'anyone',
      summary: 'Remove one of your factors',
      errors: ['mfa_required', 'last_credential', 'reauth_required'],
      handle: (call) => mfa.remove(mfaCaller(call), call.id('enrolment_id')),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/users/:user_id/mfa',
      who: 'owner',
      summary: 'Remove all second factors of a user who lost them',
      errors: ['cannot_modify_owner', 'reauth_required'],
      handle: async ({ id, actor }) => void (await mfa.reset(id('user_id'), actor)),
    }),
    apiRoute({
      method: 'PATCH',
      url: '/api/me/mfa/enrolments/:enrolment_id',
      who: 'anyone',
      summary: 'Rename one of your factors',
      example: { name: 'Phone' },
      body: z.strictObject({ name: z.string() }),
      answer: enrolment,
      handle: (call) => mfa.rename(mfaCaller(call), call.id('enrolment_id'), call.body.name),
    }),
  ];
}

function mfaCaller({ caller, actor }: Pick<ApiCall<unknown, unknown>, 'caller' | 'actor'>): MfaCaller {
  return mfaCallerOf(caller, actor.remote_address ?? '');
}
