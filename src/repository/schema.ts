// The tables as Kysely types them; a test compares them with a migrated database.

import type { ColumnType, Generated } from 'kysely';
import type { Identity } from '../domain/auth_provider.ts';
import type { Values } from '../domain/form.ts';
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
  };
  groups: {
    id: string;
    name: string;
    policy: Json<JsonObject>;
    system_generated: Generated<boolean>;
    managed_by: 'system' | 'config' | 'database';
    is_enabled: Generated<boolean>;
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
  };
  signing_keys: {
    id: string;
    algorithm: 'ES256';
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
    came_back: ColumnType<Values | null, string | null | undefined, string | null>;
    version: Generated<number>;
    created_at: Date;
    expires_at: Date;
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
  };
  sessions: {
    id_hash: Buffer;
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
  secret_key_canary: { id: Generated<boolean>; sealed: Buffer };
}
