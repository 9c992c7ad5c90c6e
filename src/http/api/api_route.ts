// A row of the JSON API: who may call a route, its input and its response. The steps that all
// routes share are here: the guard, validation of the body, and removal of undeclared response
// properties.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Actor, actorOf } from '../../accounts/actor.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Caller } from '../../tokens/bearer.ts';
import { type BearerGuard, callerOf, type RequiredRole } from '../server/bearer_guard.ts';
import { jsonBody } from '../server/body.ts';
import { pathId } from '../server/path_id.ts';
import { validate } from '../server/validate.ts';

export interface ApiCall<Body, Query> {
  caller: Caller;
  /** The caller as the actor of changes. */
  actor: Actor;
  /** A path parameter; empty for a text that cannot be an id. */
  id(name: string): string;
  /** A path parameter that may contain any characters. */
  text(name: string): string;
  body: Body;
  query: Query;
}

interface Definition<Body extends z.ZodType, Query extends z.ZodType> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  who: RequiredRole;
  /** For the API's documentation, as are `errors` and `example`. */
  summary: string;
  /** Besides those that every such route has; see openapi.ts. */
  errors?: readonly ErrorCode[];
  /** A body that works. */
  example?: z.input<Body>;
  body?: Body;
  query?: Query;
  /** Maximum size of the body in bytes; default: that of the server. */
  body_limit?: number;
  /** No time limit applies to the answer. */
  takes_long?: true;
  /** Default: 200, or 204 without an answer. */
  status?: 201;
  /** Absent: 204 without a body. */
  answer?: z.ZodType;
  handle(call: ApiCall<z.output<Body>, z.output<Query>>): Promise<unknown>;
}

export interface ApiRoute extends Omit<Definition<z.ZodType, z.ZodType>, 'handle'> {
  register(app: FastifyInstance, guard: BearerGuard): void;
}

const NO_INPUT = z.unknown();

/** Types a row. */
export function apiRoute<Body extends z.ZodType = typeof NO_INPUT, Query extends z.ZodType = typeof NO_INPUT>(
  route: Definition<Body, Query>,
): ApiRoute {
  const { method, url, who, answer } = route;
  return {
    ...route,
    register(app, guard) {
      app.route<{ Params: Record<string, string> }>({
        method,
        url,
        config: { answers: 'api', database_only: method === 'GET', takes_long: route.takes_long ?? false },
        ...(route.body_limit !== undefined && { bodyLimit: route.body_limit }),
        onRequest: guard.allow(who),
        handler: async (request, reply) => {
          // An absent body counts as an empty object.
          const body = route.body && (request.body ? jsonBody(request, route.body) : validate(route.body, {}));
          const query = route.query && validate(route.query, request.query);
          const caller = callerOf(request);
          const value = await route.handle({
            caller,
            actor: actorOf(caller, request.remote_address),
            id: (name) => pathId(request.params[name]),
            text: (name) => textOf(request.params[name]),
            body: body as z.output<Body>,
            query: query as z.output<Query>,
          });
          if (!answer) return reply.code(204).send();
          return reply.code(route.status ?? 200).send(answer.parse(value));
        },
      });
    },
  };
}

/** PostgreSQL can store neither NUL nor lone surrogates. */
function textOf(text: string | undefined): string {
  return text?.isWellFormed() && !text.includes('\0') ? text : '';
}

/** The query of a list. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[\w.:-]{1,200}$/)
    .nullable()
    .default(null),
});

/** The response schema of a list. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}
