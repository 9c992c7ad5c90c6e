// POST /auth/login_flow and /auth/login_flow/{flow_id}: Home Assistant's JSON login (HA contract
// 3.5 and 3.6). The logic is in login/; this file handles bodies, headers and responses.

import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { AuthError } from '../../domain/errors.ts';
import { homeAssistantFields } from '../../domain/form.ts';
import type { FlowStep } from '../../domain/login_flow.ts';
import { CHALLENGE_REQUIRED, isCodeChallenge } from '../../domain/pkce.ts';
import type { Login } from '../../login/login.ts';
import type { ClientDirectory } from '../../oauth/client_directory.ts';
import { jsonBody } from '../server/body.ts';
import type { HostRule } from '../server/host_rule.ts';
import { type OriginRules, sameOriginHook } from '../server/same_origin.ts';

const MAX_URI_LENGTH = 2048;

/**
 * The keys that Home Assistant's page sends (2026.11), and `type` from older callers. Others are
 * refused.
 */
const startSchema = z.strictObject({
  client_id: z.string().max(MAX_URI_LENGTH),
  handler: z.tuple([z.string().nullable(), z.string().nullable()]),
  redirect_uri: z.string().max(MAX_URI_LENGTH),
  type: z.string().default('authorize'),
  response_type: z.string().optional(),
  code_challenge: z.string().refine(isCodeChallenge).optional(),
  code_challenge_method: z.string().optional(),
});

/** Every key besides client_id is form input. */
const stepSchema = z.looseObject({ client_id: z.string() });

export interface LoginFlowDeps {
  login: Login;
  clientDirectory: Pick<ClientDirectory, 'publishesDocument'>;
}

export function loginFlowRoute({ login, clientDirectory }: LoginFlowDeps, rules: OriginRules, hostRule: HostRule): FastifyPluginAsync {
  const answers = { answers: 'home_assistant' } as const;
  const guarded = { config: { ...answers, counts_refusals: true }, onRequest: sameOriginHook(rules) };
  return async (app) => {
    app.post('/auth/login_flow', guarded, async (request) => {
      const { client_id, handler, redirect_uri, type, response_type = 'code', ...pkce } = jsonBody(request, startSchema);
      if (response_type !== 'code') throw new AuthError('unsupported_response_type', 'Response type not supported');
      const { remote_address, error_ref } = request;
      // A client with a document requires exact redirect URIs and the standard profile.
      if (await clientDirectory.publishesDocument(client_id, remote_address)) throw new AuthError('invalid_client_id');
      const { step, failed } = await login.start({
        client_id,
        redirect_uri,
        flow_type: type === 'link_user' ? 'link_user' : 'authorize',
        handler,
        code_challenge: codeChallengeOf(pkce),
        remote_address,
        proven_address: hostRule.addressOf(request),
        error_ref,
        browser_hash: null,
      });
      request.counts_as_failure = failed;
      return wireStep(step);
    });

    app.post<{ Params: { flow_id: string } }>('/auth/login_flow/:flow_id', guarded, async (request) => {
      const { client_id, ...input } = jsonBody(request, stepSchema);
      const { remote_address, error_ref } = request;
      const { flow_id } = request.params;
      const from = { remote_address, proven_address: hostRule.addressOf(request), error_ref, browser_hash: null };
      const { step, failed } = await login.resume({ flow_id, client_id, input, ...from });
      request.counts_as_failure = failed;
      return wireStep(step);
    });

    app.delete<{ Params: { flow_id: string } }>('/auth/login_flow/:flow_id', { ...guarded, config: answers }, async (request) => {
      if (!(await login.abort(request.params.flow_id))) throw unknownFlow();
      return { message: 'Flow aborted' };
    });

    // A flow is never returned to a caller who merely knows its id.
    app.get('/auth/login_flow/:flow_id', { config: answers }, async () => {
      throw unknownFlow();
    });
  };
}

function wireStep(step: FlowStep): FlowStep {
  return step.type === 'form' ? { ...step, data_schema: homeAssistantFields(step.data_schema) } : step;
}

/** S256 only; there is no default to `plain` (RFC 7636 section 4.3). */
function codeChallengeOf(pkce: { code_challenge?: string | undefined; code_challenge_method?: string | undefined }): string | null {
  const { code_challenge = null, code_challenge_method } = pkce;
  if (code_challenge === null && code_challenge_method !== undefined)
    throw new AuthError('unsupported_transform_algorithm', CHALLENGE_REQUIRED);
  if (code_challenge !== null && code_challenge_method !== 'S256')
    throw new AuthError('unsupported_transform_algorithm', 'Transform algorithm not supported');
  return code_challenge;
}

function unknownFlow(): AuthError {
  return new AuthError('unknown_flow');
}
