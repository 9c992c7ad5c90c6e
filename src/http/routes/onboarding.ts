// GET /api/onboarding and POST /api/onboarding/users: the first start, of which one step exists here, the owner (HA contract 3.10).

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
  /** Ours alone: Home Assistant's page does not ask for it. */
  email: z.string().max(320).optional(),
});

export function onboardingRoute(onboarding: Onboarding, rules: OriginRules): FastifyPluginAsync {
  const config = { answers: 'home_assistant' } as const;
  return async (app) => {
    app.get('/api/onboarding', { config }, async () => [{ step: 'user', done: await onboarding.isDone() }]);

    app.post('/api/onboarding/users', { config, onRequest: sameOriginHook(rules) }, async (request) => {
      const owner = jsonBody(request, ownerSchema);
      if (await onboarding.isDone()) throw new AuthError('onboarding_done', 'User step already done');
      requireSetupToken(request, onboarding.isSetupToken);
      const { auth_code } = await onboarding.createOwner(owner, request);
      return { auth_code };
    });
  };
}
