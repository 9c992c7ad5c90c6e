// The one error class, and the HTTP status of each error code. Turned into responses by
// http/server/errors.ts and the CLI.

import { type BLOCK_TEXTS, HOME_ASSISTANT_TEXTS } from './home_assistant_texts.ts';

/** Every error code with its HTTP status. */
const ERROR_STATUS = {
  // RFC 6749 sections 4.1.2.1 and 5.2
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  invalid_scope: 400,
  // RFC 8628 section 3.5; the third one is `access_denied` on the wire
  authorization_pending: 400,
  slow_down: 400,
  device_denied: 400,
  expired_token: 400,
  // RFC 7591 section 3.2.2; the first one is `invalid_redirect_uri` on the wire
  unfit_redirect_uri: 400,
  invalid_client_metadata: 400,
  access_denied: 403,
  // RFC 8707 section 2, RFC 9449 sections 5, 8 and 9 (the second nonce is `use_dpop_nonce` on the
  // wire), RFC 6750 section 3.1
  invalid_target: 400,
  invalid_dpop_proof: 400,
  use_dpop_nonce: 400,
  resource_needs_nonce: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  server_error: 500,
  temporarily_unavailable: 503,
  // OpenID Connect Core section 3.1.2.6
  login_required: 400,
  consent_required: 400,
  interaction_required: 400,
  account_selection_required: 400,
  // OpenID Connect Core Unmet Authentication Requirements 1.0
  unmet_authentication_requirements: 400,
  request_not_supported: 400,
  request_uri_not_supported: 400,
  invalid_request_uri: 400,
  // Home Assistant's login flow, onboarding and link_user
  invalid_json: 400,
  invalid_client_id: 400,
  invalid_handler: 404,
  unknown_flow: 404,
  flow_in_progress: 409,
  ip_address_changed: 400,
  invalid_input: 400,
  // Checked after the login in the JSON dialect, and before any password is entered on the page.
  invalid_redirect_uri: 403,
  refused_redirect_uri: 400,
  client_document_missing: 400,
  login_blocked: 403,
  onboarding_required: 400,
  onboarding_done: 403,
  setup_token_required: 403,
  invalid_code: 400,
  credential_already_linked: 400,
  unsupported_transform_algorithm: 400,
  // The JSON API
  invalid_format: 400,
  unauthenticated: 401,
  unauthorized: 403,
  not_found: 404,
  conflict: 409,
  not_pending: 409,
  name_in_use: 409,
  unknown_group: 400,
  invalid_token_id: 404,
  invalid_password: 400,
  invalid_current_password: 400,
  credentials_not_found: 404,
  credential_exists: 409,
  last_credential: 409,
  username_already_exists: 409,
  username_not_normalized: 400,
  username_retired: 409,
  system_generated: 409,
  cannot_modify_system_generated: 409,
  cannot_deactivate_owner: 409,
  cannot_modify_owner: 409,
  no_delete_self: 409,
  // Second factors
  no_module: 404,
  not_system_user: 403,
  reauth_required: 403,
  // RFC 9470 section 3
  insufficient_user_authentication: 401,
  mfa_required: 409,
  managed_by_config: 409,
  // Access
  forbidden: 403,
  banned: 403,
  invalid_forwarded_header: 400,
  cross_site_request: 403,
  too_many_requests: 429,
  payload_too_large: 413,
  headers_too_large: 431,
  unsupported_media_type: 415,
  method_not_allowed: 405,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** Reasons within a code, for programs, pages and the CLI. */
export type Reason = BlockReason | 'untrusted_proxy';

/** Why a login is blocked. */
export type BlockReason = keyof typeof BLOCK_TEXTS;

const DEFAULT_TEXTS: Partial<Record<ErrorCode, string>> = HOME_ASSISTANT_TEXTS;

export interface AuthErrorOptions {
  /** For the log and the audit event only. */
  detail?: string;
  /** A more specific reason within the code. */
  reason?: Reason;
  /** The values that the reason's or code's text needs, such as a `max_age` in seconds. */
  params?: Readonly<Record<string, string | number>>;
  /** Seconds until a retry makes sense; sent as `Retry-After`. */
  retry_after?: number;
  cause?: unknown;
}

/**
 * An expected refusal: `code`, `reason` and `params` for programs, `description` for the client,
 * `detail` for the log and the audit event. Other errors become `server_error`.
 */
export class AuthError extends Error {
  readonly code: ErrorCode;
  readonly description: string;
  readonly detail: string | undefined;
  readonly reason: Reason | undefined;
  readonly params: Readonly<Record<string, string | number>>;
  readonly retry_after: number | undefined;

  /** Without a description the code's own text is used (home_assistant_texts.ts). */
  constructor(code: ErrorCode, text: string | AuthErrorOptions = {}, options: AuthErrorOptions = typeof text === 'string' ? {} : text) {
    const description = typeof text === 'string' ? text : (DEFAULT_TEXTS[code] ?? '');
    super(`${code}: ${description}`, { cause: options.cause });
    this.name = 'AuthError';
    this.code = code;
    this.description = description;
    this.detail = options.detail;
    this.reason = options.reason;
    this.params = options.params ?? {};
    this.retry_after = options.retry_after;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}
