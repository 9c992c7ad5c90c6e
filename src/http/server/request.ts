// Additional properties of requests and routes, set by the hooks in server.ts.

import type { ErrorCode, Reason } from '../../domain/errors.ts';
import type { Caller } from '../../tokens/bearer.ts';

/** The format of a route's error responses. */
export type ErrorFormat = 'home_assistant' | 'oauth' | 'api' | 'page' | 'plain';

/** An error as reported to the client. */
export interface ErrorResponse {
  status: number;
  code: ErrorCode;
  description: string;
  /** More specific than the code; see AuthError. */
  reason: Reason | undefined;
  params: Readonly<Record<string, string | number>>;
  error_ref: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Default: `plain`. */
    answers?: ErrorFormat;
    /** `any`: every origin may read the response; default: the configured ones. */
    cors?: 'any' | 'never';
    /** Every error of this route counts against the address (HA contract 1.6). */
    counts_refusals?: boolean;
    /** Depends only on the database, so its time limit is shorter. */
    database_only?: boolean;
    /** No time limit applies, nor does the one of idle connections: an import. */
    takes_long?: boolean;
    /** The Host is that of a proxy or a protected host, and says nothing about the sender. */
    any_host?: boolean;
    /** For monitoring systems: no bans, no audit events. */
    monitoring?: boolean;
    /** A WebSocket: open for hours, so it has no deadline and its duration says nothing. */
    is_socket?: boolean;
  }
  interface FastifyRequest {
    /** The client's address in canonical text form, IPv4 where it is IPv4-mapped. */
    remote_address: string;
    /**
     * How the client reached this server or its trusted proxy. Never used for links, issuer or
     * cookies.
     */
    scheme: 'http' | 'https';
    /** The request's reference, shown with errors and stored with audit events. */
    readonly error_ref: string;
    /** Set by bearer_guard.ts. */
    caller: Caller | null;
    /** Set by errors.ts when the request was refused. */
    refusal: ErrorResponse | null;
    /** The response counts as a failure of the address, whatever its status. */
    counts_as_failure: boolean;
    /** The form names a client or has its credentials; set while parsing. */
    presents_client: boolean;
    /**
     * Another site's page made the browser send this, according to its headers; set by
     * same_origin.ts.
     */
    is_cross_site: boolean;
    /** The form was drawn by this server for the same browser; set by csrf.ts. */
    is_our_form: boolean;
  }
}
