// The tables as Kysely types them; a test compares them with a migrated database.

import type { ColumnType, Generated } from 'kysely';
import type { Identity } from '../domain/auth_provider.ts';
import type { Profile } from '../domain/authorization_request.ts';
import type {
  ClientApproval,
  ClientProfile,
  ResponseMode,
  ResponseType,
  SigningAlgorithm,
  TokenEndpointAuthMethod,
} from '../domain/client.ts';
import type { CustomClaims } from '../domain/custom_claims.ts';
import type { FormValues } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import type { FlowPage, FlowType } from '../domain/login_flow.ts';
import type { TokenType } from '../domain/token.ts';

/** A jsonb column: read as a value, written as JSON text. */
type Json<Value> = ColumnType<Value, string, string>;

export interface Schema {
  users: {
    id: string;
    name: string | null;
    is_owner: Generated<boolean>;
    is_active: Generated<boolean>;
    is_pending: Generated<boolean>;
    system_generated: Generated<boolean>;
    local_only: Generated<boolean>;
    created_at: Date;
    username: string | null;
    email: string | null;
    email_verified: Generated<boolean>;
    email_credential_id: string | null;
    picture: string | null;
    locale: string | null;
    zoneinfo: string | null;
    created_by: string | null;
  };
  retired_usernames: { username: string; user_id: string; retired_at: Date };
  groups: {
    id: string;
    name: string;
    policy: Json<JsonObject>;
    system_generated: Generated<boolean>;
    managed_by: 'system' | 'config' | 'database';
    is_enabled: Generated<boolean>;
    require_mfa: Generated<boolean>;
    created_at: Date;
  };
  user_groups: { user_id: string; group_id: string };
  credentials: {
    id: string;
    user_id: string;
    auth_provider_type: string;
    auth_provider_id: string | null;
    subject: string;
    data: Json<JsonObject>;
    created_at: Date;
  };
  local_logins: { username: string; password_hash: string; created_at: Date; changed_at: Date };
  refresh_tokens: {
    id: string;
    user_id: string;
    credential_id: string | null;
    auth_provider_type: string | null;
    auth_provider_id: string | null;
    token_type: TokenType;
    client_id: string | null;
    client_name: string | null;
    client_icon: string | null;
    token_hash: Buffer | null;
    access_token_expiration: number;
    idle_lifetime: number | null;
    expires_at: Date | null;
    created_at: Date;
    auth_time: Date;
    amr: Generated<string[]>;
    last_used_at: Date | null;
    last_used_ip: string | null;
    profile: Generated<Profile>;
    scope: Generated<string[]>;
    resource: Generated<string[]>;
    claims: ColumnType<JsonObject | null, string | null | undefined, string | null>;
    sid: string | null;
    dpop_jkt: string | null;
    seed: Buffer | null;
    generation: Generated<number>;
    rotated_at: Date | null;
    /** Of imported long-lived grants. */
    jwt_key: Buffer | null;
  };
  signing_keys: {
    id: string;
    algorithm: SigningAlgorithm;
    public_jwk: Json<JsonObject>;
    private_key: Buffer;
    created_at: Date;
    signs_from: Date;
    expires_at: Date | null;
  };
  login_flows: {
    id: string;
    client_id: string;
    redirect_uri: string;
    flow_type: FlowType;
    auth_provider_type: string;
    auth_provider_id: string | null;
    remote_address: string;
    browser_hash: Buffer | null;
    network: string;
    code_challenge: string | null;
    step_id: string;
    provider_state: ColumnType<JsonObject, string | undefined, string>;
    identity: ColumnType<Identity | null, string | null | undefined, string | null>;
    user_id: string | null;
    mfa_module_id: string | null;
    mfa_state: Buffer | null;
    mfa_attempts: Generated<number>;
    page: ColumnType<FlowPage | null, string | null | undefined, string | null>;
    came_back: ColumnType<FormValues | null, string | null | undefined, string | null>;
    version: Generated<number>;
    created_at: Date;
    expires_at: Date;
    typed_at: Date | null;
  };
  authorization_codes: {
    code_hash: Buffer;
    client_id: string;
    redirect_uri: string | null;
    purpose: FlowType;
    user_id: string | null;
    credential_id: string | null;
    identity: ColumnType<Identity | null, string | null | undefined, string | null>;
    auth_provider_type: string;
    auth_provider_id: string | null;
    code_challenge: string | null;
    wrong_verifiers: Generated<number>;
    auth_time: Date;
    amr: Generated<string[]>;
    remote_address: string;
    created_at: Date;
    expires_at: Date;
    spent_at: Date | null;
    refresh_token_id: string | null;
    profile: Generated<Profile>;
    scope: Generated<string[]>;
    resource: Generated<string[]>;
    nonce: string | null;
    claims: ColumnType<JsonObject | null, string | null | undefined, string | null>;
    sid: string | null;
    dpop_jkt: string | null;
  };
  sessions: {
    id_hash: Buffer;
    sid: string;
    user_id: string;
    credential_id: string | null;
    auth_provider_type: string;
    auth_provider_id: string | null;
    auth_time: Date;
    amr: Generated<string[]>;
    remote_address: string;
    user_agent: string | null;
    created_at: Date;
    last_used_at: Date;
    expires_at: Date;
  };
  host_codes: { code_hash: Buffer; host: string; sid: string; browser_hash: Buffer; created_at: Date; expires_at: Date };
  host_sessions: { id_hash: Buffer; host: string; sid: string; created_at: Date; expires_at: Date };
  mfa_enrolments: {
    id: string;
    user_id: string;
    mfa_module_id: string;
    name: string | null;
    device_id: string | null;
    secret: Buffer;
    version: Generated<number>;
    created_at: Date;
    last_used_at: Date | null;
  };
  mfa_setup_flows: {
    id: string;
    user_id: string;
    mfa_module_id: string;
    form: Buffer;
    attempts: Generated<number>;
    version: Generated<number>;
    created_at: Date;
    expires_at: Date;
  };
  mfa_failures: { user_id: string; failures: number; first_failed_at: Date; last_failed_at: Date };
  link_tickets: {
    token_hash: Buffer;
    user_id: string;
    refresh_token_id: string;
    auth_provider_type: string;
    auth_provider_id: string | null;
    browser_hash: Buffer | null;
    created_at: Date;
    expires_at: Date;
  };
  failed_logins: { address: string; subject: Buffer; failures: number; first_failed_at: Date; last_failed_at: Date };
  ip_bans: { address: string; banned_at: Date; expires_at: Date };
  audit_events: {
    id: Generated<number>;
    at: Date;
    type: string;
    outcome: 'done' | 'refused';
    error_ref: string | null;
    actor_user_id: string | null;
    target_user_id: string | null;
    client_id: string | null;
    remote_address: string | null;
    detail: ColumnType<JsonObject, string | undefined, never>;
  };
  clients: {
    client_id: string;
    client_name: string | null;
    client_uri: string | null;
    logo_uri: string | null;
    policy_uri: string | null;
    tos_uri: string | null;
    redirect_uris: Generated<string[]>;
    post_logout_redirect_uris: Generated<string[]>;
    token_endpoint_auth_method: TokenEndpointAuthMethod;
    grant_types: string[];
    response_types: Generated<ResponseType[]>;
    response_modes: Generated<ResponseMode[]>;
    scope: string[];
    resources: Generated<string[]>;
    jwks: ColumnType<JsonObject | null, string | null | undefined, string | null>;
    jwks_uri: string | null;
    id_token_signed_response_alg: Generated<SigningAlgorithm>;
    access_token_signed_response_alg: Generated<SigningAlgorithm>;
    userinfo_signed_response_alg: SigningAlgorithm | null;
    default_max_age: number | null;
    require_auth_time: Generated<boolean>;
    dpop_bound_access_tokens: Generated<boolean>;
    require_pushed_authorization_requests: Generated<boolean>;
    backchannel_logout_uri: string | null;
    profile: ClientProfile | null;
    trusted: Generated<boolean>;
    allowed_group_ids: string[] | null;
    access_token_lifetime: number | null;
    refresh_token_idle_lifetime: number | null;
    refresh_token_lifetime: number | null;
    managed_by: 'config' | 'database' | 'registration';
    is_enabled: Generated<boolean>;
    registration_token_hash: Buffer | null;
    /** Fields set by an operator. */
    require_pkce: Generated<boolean>;
    refuse_unknown_scopes: Generated<boolean>;
    id_token_claims: Generated<boolean>;
    claims: ColumnType<CustomClaims, string | undefined, string>;
    operator_fields: Generated<string[]>;
    /** The network of a self-registered client. */
    registered_from: string | null;
    approval: ClientApproval | null;
    approval_since: Date | null;
    created_at: Date;
  };
  client_secrets: { id: string; client_id: string; secret_hash: Buffer; created_at: Date; expires_at: Date | null };
  url_clients: {
    client_id: string;
    status: 'pending' | 'approved' | 'refused' | 'seen';
    metadata_hash: Buffer;
    metadata: Json<JsonObject>;
    created_at: Date;
    decided_at: Date | null;
  };
  consents: {
    user_id: string;
    client_id: string;
    scope: string[];
    redirect_uris: string[];
    resources: Generated<string[]>;
    granted_at: Date;
  };
  pushed_authorization_requests: {
    request_uri_hash: Buffer;
    client_id: string;
    parameters: Json<JsonObject>;
    dpop_jkt: string | null;
    created_at: Date;
    expires_at: Date;
    used_at: Date | null;
    network: string | null;
  };
  device_codes: {
    device_code_hash: Buffer;
    user_code: string;
    client_id: string;
    scope: string[];
    resource: Generated<string[]>;
    status: Generated<'pending' | 'approved' | 'denied' | 'spent'>;
    max_age: number | null;
    acr_values: Generated<string[]>;
    claimed_sid: string | null;
    user_id: string | null;
    credential_id: string | null;
    auth_provider_type: string | null;
    auth_provider_id: string | null;
    auth_time: Date | null;
    amr: Generated<string[]>;
    poll_interval: Generated<number>;
    last_polled_at: Date | null;
    remote_address: string;
    created_at: Date;
    expires_at: Date;
    refresh_token_id: string | null;
  };
  device_cookies: { cookie_hash: Buffer; user_id: string; guesses: Generated<number>; created_at: Date; expires_at: Date };
  cut_off: { id: Generated<boolean>; not_before: Date };
  revoked_access_tokens: { jti: string; expires_at: Date };
  used_proofs: { proof_hash: Buffer; expires_at: Date };
  logout_deliveries: {
    jti: string;
    client_id: string;
    user_id: string;
    sid: string;
    attempts: Generated<number>;
    created_at: Date;
    next_attempt_at: Date;
  };
  secret_key_canary: { id: Generated<boolean>; sealed: Buffer };
}
