// GET /assets/…: style sheet and scripts. Names contain a hash, so they can be cached permanently.

import type { FastifyPluginAsync } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import type { Assets } from './assets.ts';

export function assetsRoute({ assets }: { assets: Assets }): FastifyPluginAsync {
  return async (app) => {
    app.get('/assets/:name', async (request, reply) => {
      const asset = assets.find(request.url);
      if (!asset) throw new AuthError('not_found', 'Not Found');
      return reply.type(asset.content_type).header('cache-control', 'public, max-age=31536000, immutable').send(asset.body);
    });
  };
}
