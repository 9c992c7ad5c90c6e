// GET /api/openapi.json: the JSON API as an OpenAPI 3.1 document, made from the route rows when it
// is first asked for. It is public: it says what the program can do, nothing of what it holds.

import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { AuthError, type ErrorCode } from '../../domain/errors.ts';
import type { RequiredRole } from '../server/bearer_guard.ts';
import { oauthErrorCode } from '../server/oauth_error.ts';
import type { ApiRoute } from './api_route.ts';

type Schema = Record<string, unknown>;

const PATH = '/api/openapi.json';
const JSON_TYPE = 'application/json';

const WHO: Readonly<Record<RequiredRole, string>> = {
  anyone: 'Any user, for themselves.',
  admin: 'Administrators and the owner.',
  owner: 'The owner.',
};

const ERROR_SCHEMA = {
  type: 'object',
  required: ['code', 'message', 'error_ref'],
  properties: {
    code: { type: 'string', description: 'For programs.' },
    reason: { type: 'string', description: 'More specific than the code.' },
    message: { type: 'string', description: 'For developers.' },
    error_ref: { type: 'string', description: 'For `latchkey explain`, and the header Error-Ref.' },
  },
};

/** The document of these routes. */
function openApiDocument(routes: readonly ApiRoute[], { public_url }: { public_url: string }): Schema {
  const paths: Record<string, Schema> = {};
  const schemas: Record<string, Schema> = { Error: ERROR_SCHEMA };
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    const item = paths[path] ?? {};
    item[route.method.toLowerCase()] = operationOf(route, schemas);
    paths[path] = item;
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Latchkey',
      version: '1',
      description: 'Accounts, people, groups and clients. Lists are paged: pass `next_cursor` as `cursor`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: public_url }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An access token of this server.' } },
      schemas,
    },
  };
}

function operationOf(route: ApiRoute, schemas: Record<string, Schema>): Schema {
  const { method, url, who, summary, body, example, answer, status } = route;
  const id = operationId(method, url);
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => namedSchema(schema, io, id, schemas);
  const success = answer
    ? { [status ?? 200]: { description: summary, content: { [JSON_TYPE]: { schema: schemaOf(answer, 'output') } } } }
    : { 204: { description: 'Done.' } };
  return {
    operationId: id,
    summary,
    description: `Who may: ${WHO[who]}`,
    tags: [tagOf(url)],
    parameters: parametersOf(route),
    ...(body && {
      requestBody: { content: { [JSON_TYPE]: { schema: schemaOf(body, 'input'), ...(example !== undefined && { example }) } } },
    }),
    responses: { ...success, ...errorsOf(route) },
  };
}

/** `GET /api/users/:user_id/sessions` is `getUsersByUserIdSessions`. */
function operationId(method: string, url: string): string {
  const words = url
    .split('/')
    .slice(2)
    .map((part) => (part.startsWith(':') ? `by_${part.slice(1)}` : part));
  return [method.toLowerCase(), ...words.flatMap((word) => word.split('_'))].map((word, n) => (n === 0 ? word : capital(word))).join('');
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/** Routes of the caller's own account are together, others by their resource. */
function tagOf(url: string): string {
  return url.split('/')[2] ?? 'api';
}

function parametersOf({ url, query }: ApiRoute): Schema[] {
  const named = Array.from(url.matchAll(/:(\w+)/g), ([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const { properties = {}, required = [] } = query
    ? (jsonSchema(query, 'input') as { properties?: Record<string, Schema>; required?: string[] })
    : {};
  const queried = Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }));
  return [...named, ...queried];
}

/** By status, with the codes of each. */
function errorsOf({ who, url, body, query, errors = [] }: ApiRoute): Record<string, Schema> {
  const codes: ErrorCode[] = ['unauthenticated', ...errors, 'unavailable'];
  if (who !== 'anyone') codes.push('unauthorized');
  if (body || query) codes.push('invalid_format');
  if (url.includes(':')) codes.push('not_found');
  // Standard tokens get the challenge of RFC 9470 instead.
  if (errors.includes('reauth_required')) codes.push('insufficient_user_authentication');
  const statuses = new Set(codes.map((code) => new AuthError(code).status));
  return Object.fromEntries(
    Array.from(statuses, (status) => {
      const those = codes.filter((code) => new AuthError(code).status === status);
      const named = [...new Set(those.map(oauthErrorCode))].sort();
      const schema = { allOf: [{ $ref: '#/components/schemas/Error' }, { properties: { code: { enum: named } } }] };
      return [status, { description: named.join(', '), content: { [JSON_TYPE]: { schema } } }];
    }),
  );
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: showDates });
  return json;
}

/** Moves the definitions of recursive values into `schemas` and renames their references. */
function namedSchema(schema: z.ZodType, io: 'input' | 'output', id: string, schemas: Record<string, Schema>): Schema {
  const json = jsonSchema(schema, io);
  if (json.$defs === undefined) return json;
  const nameOf = (name: string) => `${id}_${io}_${name}`.replace(/\W/g, '');
  const moved = JSON.parse(
    JSON.stringify(json).replace(/"#\/\$defs\/([^"]+)"/g, (_, name: string) => `"#/components/schemas/${nameOf(name)}"`),
  );
  for (const [name, value] of Object.entries<Schema>(moved.$defs)) schemas[nameOf(name)] = value;
  const { $defs: _, ...rest } = moved;
  return rest;
}

function showDates({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: Schema }): void {
  if (zodSchema._zod.def.type !== 'date') return;
  jsonSchema.type = 'string';
  jsonSchema.format = 'date-time';
}

export function openApiRoute(routes: readonly ApiRoute[], deps: { public_url: string }): FastifyPluginAsync {
  let bytes: Buffer | undefined;
  return async (app) => {
    app.get(PATH, { config: { answers: 'api', cors: 'any', database_only: true } }, (_request, reply) => {
      bytes ??= Buffer.from(JSON.stringify(openApiDocument(routes, deps)));
      return reply.type('application/json; charset=utf-8').send(bytes);
    });
  };
}
