// POST /auth/link_user: links another login to the caller by the code of a link_user flow (HA
// contract 3.9).

import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { actorOf } from '../../accounts/actor.ts';
import type { LinkUser } from '../../accounts/link_user.ts';
import { type BearerGuard, callerOf } from '../server/bearer_guard.ts';
import { jsonBody } from '../server/body.ts';

const schema = z.strictObject({ code: z.string(), client_id: z.string() });

export function linkUserRoute({ linkUser }: { linkUser: LinkUser }, guard: BearerGuard): FastifyPluginAsync {
  return async (app) => {
    app.post('/auth/link_user', { config: { answers: 'home_assistant' }, onRequest: guard.allow('anyone') }, async (request) => {
      const code = jsonBody(request, schema);
      const caller = callerOf(request);
      await linkUser.link(caller.user, code, actorOf(caller, request.remote_address));
      return { message: 'User linked' };
    });
  };
}
