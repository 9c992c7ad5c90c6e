// What a request and a route carry beyond Fastify's own: set by the hooks of server.ts, read by routes and by errors.ts.

import type { ErrorCode } from '../../domain/errors.ts';
import type { Caller } from '../../tokens/bearer.ts';

/** The dialect in which a route's refusals are written. */
export type ErrorFormat = 'home_assistant' | 'oauth' | 'api' | 'page' | 'plain';

/** A refusal as the client may know it. */
export interface ErrorResponse {
  status: number;
  code: ErrorCode;
  description: string;
  error_ref: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `plain` when left out. */
    answers?: ErrorFormat;
    /** `any`: every origin may read the answer; otherwise only the configured ones. */
    cors?: 'any' | 'never';
    /** Every refusal of this route counts against the address (HA contract 1.6). */
    counts_refusals?: boolean;
    /** Waits for nothing but the database, so its time limit is shorter. */
    database_only?: boolean;
    /** Answers a monitoring system: no ban, no audit event. */
    monitoring?: boolean;
  }
  interface FastifyRequest {
    /** Canonical text of the client's address, IPv4 where it is IPv4-mapped. */
    remote_address: string;
    /** How the client reached us or the trusted proxy before us. Never used for a link, an issuer or a cookie. */
    scheme: 'http' | 'https';
    /** Short name of this request, shown with a refusal and kept with its audit event. */
    readonly error_ref: string;
    /** Who calls; set by guard.ts. */
    caller: Caller | null;
    /** Set by errors.ts when the request was refused. */
    refusal: ErrorResponse | null;
    /** The answer counts against the address, whatever its status. */
    counts_as_failure: boolean;
    /** The form names a client or carries its credentials; set where forms are read. */
    presents_client: boolean;
    /** The page of another site made the browser send this, as the request itself says; set by same_origin.ts. */
    is_cross_site: boolean;
    /** The request is a form of ours, sent by the browser that got it; set by csrf.ts. */
    is_our_form: boolean;
  }
}
