// POST /auth/register and paths below: dynamic client registration (RFC 7591) and management (RFC
// 7592).

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AuthError } from '../../domain/errors.ts';
import type { Registration } from '../../oauth/registration.ts';
import { jsonBody } from '../server/body.ts';
import { headerValues } from '../server/header_values.ts';

interface Named {
  Params: { client_id: string };
}

export function registerRoute(registration: Registration): FastifyPluginAsync {
  const config = { answers: 'oauth', cors: 'any' } as const;
  const url = '/auth/register/:client_id';

  /** A wrong token counts as a guess. */
  async function guarded<T>(request: FastifyRequest, reply: FastifyReply, work: (token: string | null) => Promise<T>): Promise<T> {
    const token = bearerOf(request);
    try {
      return await work(token);
    } catch (error) {
      if (!(error instanceof AuthError) || error.status !== 401) throw error;
      request.counts_as_failure = token !== null;
      reply.header('www-authenticate', token === null ? 'Bearer' : 'Bearer error="invalid_token"');
      throw error;
    }
  }

  return async (app) => {
    app.post('/auth/register', { config }, async (request, reply) => {
      const information = await guarded(request, reply, (token) =>
        registration.register(jsonBody(request, z.unknown()), token, request.remote_address),
      );
      return reply.code(201).send(information);
    });
    app.get<Named>(url, { config }, (request, reply) =>
      guarded(request, reply, (token) => registration.read(request.params.client_id, token)),
    );
    app.put<Named>(url, { config }, (request, reply) =>
      guarded(request, reply, (token) =>
        registration.update(request.params.client_id, jsonBody(request, z.unknown()), token, request.remote_address),
      ),
    );
    app.delete<Named>(url, { config }, async (request, reply) => {
      await guarded(request, reply, (token) => registration.remove(request.params.client_id, token, request.remote_address));
      return reply.code(204).send();
    });
  };
}

function bearerOf(request: FastifyRequest): string | null {
  const [value = '', ...others] = headerValues(request, 'authorization');
  if (others.length > 0) throw new AuthError('invalid_request', 'More than one Authorization header');
  return /^Bearer +([^\s]{1,512})$/i.exec(value)?.[1] ?? null;
}
