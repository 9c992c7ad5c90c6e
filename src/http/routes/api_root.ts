// GET /api/: whether a token is valid, as Home Assistant's clients check.

import type { FastifyPluginAsync } from 'fastify';
import type { BearerGuard } from '../server/bearer_guard.ts';

export function apiRootRoute(guard: BearerGuard): FastifyPluginAsync {
  return async (app) => {
    app.get('/api/', { config: { answers: 'home_assistant' }, onRequest: guard.allow('anyone') }, async () => ({
      message: 'API running.',
    }));
  };
}
