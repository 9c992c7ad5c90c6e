// Bodies: Fastify hands every one over as bytes, whatever its Content-Type; a route says how it reads them.

import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { z } from 'zod';
import { AuthError } from '../../domain/errors.ts';
import { type Parameters, withoutEmpty } from '../../domain/parameters.ts';
import { firstField, parseForm } from './form_body.ts';
import { refuseForeignCredentials } from './same_origin.ts';
import { parseStrictJson } from './strict_json.ts';
import { validate } from './validate.ts';

/** Bytes that a request may carry. */
export const BODY_LIMIT = 64 * 1024;

const CLIENT_FIELDS = ['client_id', 'client_secret', 'client_assertion'];

/** Takes Fastify's own parsers away. */
export function installBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) => done(null, body));
}

/** RFC 9110 section 8.3.1: type, slash, subtype, perhaps with parameters after a semicolon. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[ \t]*(;|$)/;

/** Takes a malformed or empty Content-Type for none, as Home Assistant does; Fastify would answer 415. */
export const contentTypeHook: onRequestHookHandler = (request, _reply, done) => {
  const { headers } = request.raw;
  const type = headers['content-type'];
  if (type !== undefined && !MEDIA_TYPE.test(type)) delete headers['content-type'];
  done();
};

/** The body as JSON, whatever its Content-Type (HA contract 1.1), fitted to the schema. */
export function jsonBody<Schema extends z.ZodType>(request: FastifyRequest, schema: Schema): z.output<Schema> {
  const value = parsed(bytesOf(request));
  if (typeof value === 'object' && value !== null) refuseForeignCredentials(request, Object.entries(value));
  return validate(schema, value);
}

/**
 * The body as a form: every field that it has, the empty ones included. For pages, and where the dialect is yet to be told. Throws
 * `cross_site_request` for credentials that the page of another site sends.
 */
export async function formBody(request: FastifyRequest): Promise<Parameters> {
  const form = await parseForm(bytesOf(request), request.headers['content-type']);
  refuseForeignCredentials(request, form);
  request.presents_client = CLIENT_FIELDS.some((name) => form.get(name)) || /^basic\b/i.test(request.headers.authorization ?? '');
  return form;
}

/** The parameters of an endpoint of the standard profile alone: those that have a value. */
export async function parameterBody(request: FastifyRequest): Promise<Parameters> {
  return withoutEmpty(await formBody(request));
}

/** The first field of that name in a body that `formBody` refuses. */
export function firstFormField(request: FastifyRequest, name: string): string | undefined {
  return firstField(name, bytesOf(request), request.headers['content-type']);
}

function bytesOf(request: FastifyRequest): Buffer | undefined {
  return Buffer.isBuffer(request.body) ? request.body : undefined;
}

function parsed(bytes: Buffer | undefined): unknown {
  try {
    return parseStrictJson(bytes ?? Buffer.alloc(0));
  } catch (cause) {
    throw new AuthError('invalid_json', 'Invalid JSON.', { cause });
  }
}
