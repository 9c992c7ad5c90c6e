// GET /api/openapi.json: the JSON API as an OpenAPI 3.1 document, made from the route rows when it
// is first asked for. It is public, as it is the same for every installation of a version.

import { setImmediate } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { AuthError, type ErrorCode } from '../../domain/errors.ts';
import type { RequiredRole } from '../server/bearer_guard.ts';
import { oauthErrorCode } from '../server/oauth_error.ts';
import type { ApiRoute } from './api_route.ts';

type Schema = Record<string, unknown>;

const PATH = '/api/openapi.json';
const BEARER =
  "A long-lived access token, an access token of an app of Home Assistant's profile, or one with the scope " +
  '`api:account` (or `api:admin`, for what takes a role).';
const JSON_TYPE = 'application/json';

const WHO: Readonly<Record<RequiredRole, string>> = {
  anyone: 'Any user, for themselves.',
  admin: 'Administrators and the owner.',
  approver: 'The owner; administrators too if `approvals.by` is `administrators`.',
  owner: 'The owner.',
};

/** Names of the roles for programs; see `security` of an operation. */
const ROLES: Readonly<Record<RequiredRole, string[]>> = {
  anyone: [],
  admin: ['administrator'],
  approver: ['approver'],
  owner: ['owner'],
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

/** The document of these routes. Lets other requests run after each of them. */
async function openApiDocument(routes: readonly ApiRoute[]): Promise<Schema> {
  const paths: Record<string, Schema> = {};
  const schemas: Record<string, Schema> = { Error: ERROR_SCHEMA };
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    const item = paths[path] ?? {};
    item[route.method.toLowerCase()] = operationOf(route, schemas);
    paths[path] = item;
    await setImmediate();
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Latchkey',
      version: '1',
      description:
        'Accounts, people, groups and clients. Lists are paged: pass `next_cursor` as `cursor`. Responses may gain properties. ' +
        'The roles in `security` name who may call a route; without one, any user.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: BEARER } },
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
    security: [{ bearer: ROLES[who] }],
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
function errorsOf({ url, body, query, errors = [] }: ApiRoute): Record<string, Schema> {
  const codes: ErrorCode[] = ['invalid_request', 'unauthenticated', 'unauthorized', 'insufficient_scope', ...errors, 'unavailable'];
  if (body) codes.push('invalid_json', 'payload_too_large');
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
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: io === 'input' ? showDate : openAnswer });
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

interface Converted {
  zodSchema: z.core.$ZodType;
  jsonSchema: Schema;
}

/** Clients accept properties that later versions add. */
function openAnswer(converted: Converted): void {
  showDate(converted);
  if (converted.jsonSchema.additionalProperties === false) delete converted.jsonSchema.additionalProperties;
}

function showDate({ zodSchema, jsonSchema }: Converted): void {
  if (zodSchema._zod.def.type !== 'date') return;
  jsonSchema.type = 'string';
  jsonSchema.format = 'date-time';
}

export function openApiRoute(routes: readonly ApiRoute[]): FastifyPluginAsync {
  let bytes: Promise<Buffer> | undefined;
  const build = async () => Buffer.from(JSON.stringify(await openApiDocument(routes)));
  return async (app) => {
    app.get(PATH, { config: { answers: 'api', cors: 'any', database_only: true } }, async (_request, reply) => {
      bytes ??= build();
      return await reply.type('application/json; charset=utf-8').send(await bytes);
    });
  };
}
