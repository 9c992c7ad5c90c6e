// Request bodies: @fastify/formbody parses urlencoded ones with our strict parser, others arrive as
// bytes, and each route decides what to read them as.

import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { z } from 'zod';
import { AuthError } from '../../domain/errors.ts';
import { type Parameters, withoutEmpty } from '../../domain/parameters.ts';
import { parseStrictJson } from '../../domain/strict_json.ts';
import { firstField, parseForm, parseUrlencoded, type UrlencodedBody } from './form_body.ts';
import { refuseForeignCredentials } from './same_origin.ts';
import { validate } from './validate.ts';

/** Maximum body size in bytes. */
export const BODY_LIMIT = 64 * 1024;

const CLIENT_FIELDS = ['client_id', 'client_secret', 'client_assertion'];

/** Replaces Fastify's own parsers. */
export function installBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  void app.register(formbody, { bodyLimit: BODY_LIMIT, parser: parseUrlencoded });
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) => done(null, body));
}

/** RFC 9110 section 8.3.1: type, slash, subtype, optional parameters. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[ \t]*(;|$)/;

/**
 * Treats a malformed or empty Content-Type as absent, as Home Assistant does; Fastify would answer
 * 415.
 */
export const contentTypeHook: onRequestHookHandler = (request, _reply, done) => {
  const { headers } = request.raw;
  const type = headers['content-type'];
  if (type !== undefined && !MEDIA_TYPE.test(type)) delete headers['content-type'];
  done();
};

/** Parses the body as JSON, whatever its Content-Type (HA contract 1.1), and validates it. */
export function jsonBody<Schema extends z.ZodType>(request: FastifyRequest, schema: Schema): z.output<Schema> {
  const value = parsedJson(bytesOf(request));
  if (typeof value === 'object' && value !== null) refuseForeignCredentials(request, Object.entries(value));
  return validate(schema, value);
}

/**
 * Parses the body as a form with all fields, empty ones included. For pages, and where the dialect
 * is not known yet. Throws `cross_site_request` for credentials in a cross-site request.
 */
export async function formBody(request: FastifyRequest): Promise<Parameters> {
  const form = await parseForm(sentBody(request), request.headers['content-type']);
  refuseForeignCredentials(request, form);
  request.presents_client = CLIENT_FIELDS.some((name) => form.get(name)) || /^basic\b/i.test(request.headers.authorization ?? '');
  return form;
}

/** The non-empty parameters of a standard endpoint. */
export async function parameterBody(request: FastifyRequest): Promise<Parameters> {
  return withoutEmpty(await formBody(request));
}

/** The first field of that name in a body that `formBody` refuses. */
export function firstFormField(request: FastifyRequest, name: string): string | undefined {
  return firstField(name, sentBody(request), request.headers['content-type']);
}

/** What one of our parsers left; undefined without a body. */
function sentBody({ body }: FastifyRequest): Buffer | UrlencodedBody | undefined {
  return body === null ? undefined : (body as Buffer | UrlencodedBody | undefined);
}

function bytesOf(request: FastifyRequest): Buffer | undefined {
  const body = sentBody(request);
  return Buffer.isBuffer(body) ? body : body && Buffer.from(body.text);
}

function parsedJson(bytes: Buffer | undefined): unknown {
  try {
    return parseStrictJson(bytes ?? Buffer.alloc(0));
  } catch (cause) {
    throw new AuthError('invalid_json', { cause });
  }
}
