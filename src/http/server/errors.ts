// Turns errors into responses in the route's format, with a reference that is audited once. Details
// of unexpected errors appear only in the log.

import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Audit } from '../../domain/audit_event.ts';
import { AuthError, type ErrorCode } from '../../domain/errors.ts';
import { pagePolicy } from './headers.ts';
import { oauthBody, oauthErrorCode } from './oauth_error.ts';
import type { ErrorFormat, ErrorResponse } from './request.ts';
import { stepUpChallenge } from './step_up.ts';

/** Renders the page for an error. */
export type RenderErrorPage = (refusal: ErrorResponse, request: FastifyRequest) => string;

interface Deps {
  audit: Audit;
  renderErrorPage: RenderErrorPage | undefined;
}

interface Body {
  type: string;
  text: string;
  /** A page's policy may load its stylesheet. */
  policy?: string;
}

/** Errors that Home Assistant's framework answers before a view, in any format. */
const BEFORE_ANY_ROUTE: readonly ErrorCode[] = ['banned', 'invalid_forwarded_header', 'headers_too_large'];

/** Errors that Home Assistant's framework answers as plain text (HA contract 1.2). */
const FRAMEWORK_ERRORS: readonly ErrorCode[] = [
  ...BEFORE_ANY_ROUTE,
  'unauthenticated',
  'method_not_allowed',
  'payload_too_large',
  'unsupported_media_type',
  'server_error',
  'unavailable',
  'temporarily_unavailable',
];

/** Expected answers: a polling device, and a missing DPoP nonce. */
const EVERYDAY: readonly ErrorCode[] = ['authorization_pending', 'slow_down', 'use_dpop_nonce', 'resource_needs_nonce'];

export function installErrors(app: FastifyInstance, deps: Deps): void {
  app.setErrorHandler((error, request, reply) => answer(deps, asAuthError(error), request, reply));
}

/** Fastify's own errors before routing. */
export function answerFrameworkError(deps: Deps, error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answer(deps, asAuthError(error), request, reply);
}

function answer(deps: Deps, error: AuthError, request: FastifyRequest, reply: FastifyReply): void {
  const refusal: ErrorResponse = {
    status: error.status,
    code: error.code,
    description: error.description,
    reason: error.reason,
    params: error.params,
    error_ref: request.id,
  };
  request.refusal = refusal;
  remember(deps.audit, error, request);
  const body = write(deps, refusal, request);
  reply.code(refusal.status).header('error-ref', refusal.error_ref).header('content-type', body.type);
  if (error.retry_after !== undefined || refusal.status === 503) reply.header('retry-after', Math.ceil(error.retry_after ?? 1));
  if (body.policy !== undefined) reply.header('content-security-policy', body.policy);
  if (refusal.code === 'insufficient_user_authentication')
    reply.header('www-authenticate', stepUpChallenge(refusal.params, refusal.description));
  if (refusal.code === 'invalid_client') reply.header('www-authenticate', 'Basic realm="latchkey"'); // RFC 6749 section 5.2
  reply.send(body.text);
}

function remember(audit: Audit, error: AuthError, request: FastifyRequest): void {
  const { status, code, reason, description, detail } = error;
  const particulars = {
    code,
    ...(reason && { reason }),
    description,
    detail: detail ?? null,
    method: request.method,
    path: loggedPath(request),
  };
  if (status >= 500) request.log.error({ err: error.cause ?? error, error_ref: request.id, ...particulars }, 'request failed');
  else request.log.info({ error_ref: request.id, remote_address: request.remote_address, ...particulars }, 'request refused');
  // Not audited: unknown URLs, and probes without a person behind them.
  if (request.is404 || request.routeOptions.config.monitoring || EVERYDAY.includes(code)) return;
  audit.record({
    type: 'request.refused',
    outcome: 'refused',
    error_ref: request.id,
    actor_user_id: request.caller?.user.id ?? null,
    client_id: request.caller?.client_id ?? null,
    remote_address: request.remote_address,
    detail: particulars,
  });
}

/** The path without the query, which may contain codes and tokens; truncated. */
export function loggedPath(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
}

function write(deps: Deps, refusal: ErrorResponse, request: FastifyRequest): Body {
  const answers: ErrorFormat = BEFORE_ANY_ROUTE.includes(refusal.code) ? 'plain' : (request.routeOptions.config.answers ?? 'plain');
  if (answers === 'home_assistant' && !FRAMEWORK_ERRORS.includes(refusal.code)) return json(homeAssistantBody(refusal));
  if (answers === 'oauth') return json(oauthBody(refusal));
  if (answers === 'api') return json(apiBody(refusal));
  if (answers === 'page' && deps.renderErrorPage)
    return { type: 'text/html; charset=utf-8', text: deps.renderErrorPage(refusal, request), policy: pagePolicy() };
  const line = `${refusal.status}: ${STATUS_CODES[refusal.status]}`;
  // The operator must configure the proxy, and this answer is all they see.
  const says_what_to_set = refusal.reason === 'untrusted_proxy';
  return { type: 'text/plain; charset=utf-8', text: says_what_to_set ? `${line}\n${refusal.description}\n` : line };
}

function apiBody(refusal: ErrorResponse): object {
  const { code, reason, error_ref } = refusal;
  return { code: oauthErrorCode(code), ...(reason && { reason }), message: textOf(refusal), error_ref };
}

function homeAssistantBody(refusal: ErrorResponse): object {
  const message = textOf(refusal);
  // The one code that its front-end acts on.
  return refusal.code === 'onboarding_required' ? { message, code: refusal.code } : { message };
}

function textOf(refusal: ErrorResponse): string {
  return refusal.description || (STATUS_CODES[refusal.status] ?? 'Error');
}

function json(value: object): Body {
  return { type: 'application/json; charset=utf-8', text: JSON.stringify(value) };
}

/** Converts any error to an AuthError. */
function asAuthError(error: unknown): AuthError {
  if (error instanceof AuthError) return error;
  const status = statusOf(error);
  if (status === 414) return new AuthError('not_found', 'Not Found'); // no path has a segment of that length
  if (status === 413) return new AuthError('payload_too_large', 'Body is too large');
  if (status >= 400 && status < 500) return new AuthError('invalid_request', 'Bad Request', { cause: error });
  return new AuthError('server_error', '', { cause: error });
}

/** The status of Fastify's own errors; 500 for others. */
function statusOf(error: unknown): number {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('FST_')) return 500;
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
}
