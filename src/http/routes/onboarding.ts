// GET /api/onboarding and POST /api/onboarding/users: creating the owner, the only onboarding step
// here (HA contract 3.10).

import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { Onboarding } from '../../accounts/onboarding.ts';
import { AuthError } from '../../domain/errors.ts';
import { jsonBody } from '../server/body.ts';
import { type OriginRules, sameOriginHook } from '../server/same_origin.ts';
import { requireSetupToken } from '../server/setup_token.ts';

const ownerSchema = z.strictObject({
  name: z.string(),
  username: z.string(),
  password: z.string(),
  client_id: z.string(),
  language: z.string(),
  /** An extension; Home Assistant's page does not send it. */
  email: z.string().max(320).optional(),
});

export function onboardingRoute(onboarding: Onboarding, rules: OriginRules): FastifyPluginAsync {
  const config = { answers: 'home_assistant' } as const;
  return async (app) => {
    app.get('/api/onboarding', { config }, async () => [{ step: 'user', done: await onboarding.isDone() }]);

    app.post('/api/onboarding/users', { config, onRequest: sameOriginHook(rules) }, async (request) => {
      const owner = jsonBody(request, ownerSchema);
      if (await onboarding.isDone()) throw new AuthError('onboarding_done');
      requireSetupToken(request, onboarding.isSetupToken);
      const { auth_code } = await onboarding.createOwner(owner, request);
      return { auth_code };
    });
  };
}
