// Login flows and their steps.

import type { Identity, ProviderKey } from './auth_provider.ts';
import type { FormField, FormValues } from './form.ts';
import type { JsonObject } from './json.ts';

export type FlowType = 'authorize' | 'link_user';

/** The page's request, needed when the person returns from another server. */
export interface FlowPage {
  /** The query of the authorization request, without its question mark. */
  query: string;
  /** Whether to stay logged in. */
  keep: boolean;
}

/** A login flow as stored. */
export interface LoginFlow extends ProviderKey {
  /** The `flow_id` on the wire: 32 hex characters. */
  id: string;
  client_id: string;
  redirect_uri: string;
  flow_type: FlowType;
  remote_address: string;
  /** SHA-256 of the pre-login cookie; null in the JSON dialect, which is bound to the address. */
  browser_hash: Buffer | null;
  code_challenge: string | null;
  step_id: string;
  provider_state: JsonObject;
  identity: Identity | null;
  user_id: string | null;
  mfa_module_id: string | null;
  mfa_state: Buffer | null;
  mfa_attempts: number;
  /** Null in the JSON dialect. */
  page: FlowPage | null;
  /** The parameters of an external return, for a client of the JSON dialect to continue with. */
  came_back: FormValues | null;
  version: number;
  created_at: Date;
  expires_at: Date;
  /** When a person first submitted one of its forms; null: never. */
  typed_at: Date | null;
}

/** A step as clients see it (HA contract section 5). Keys without a value are null, not absent. */
export type FlowStep =
  | {
      type: 'form';
      flow_id: string;
      handler: [string, string | null];
      step_id: string;
      data_schema: FormField[];
      errors: Record<string, string> | null;
      description_placeholders: Record<string, string> | null;
      last_step: null;
      preview: null;
    }
  | { type: 'external'; flow_id: string; handler: [string, string | null]; step_id: string; url: string; description_placeholders: null }
  | { type: 'abort'; flow_id: string; handler: [string, string | null]; reason: string; description_placeholders: null }
  | {
      type: 'create_entry';
      flow_id: string;
      handler: [string, string | null];
      description: null;
      description_placeholders: null;
      /** The authorization code. */
      result: string;
    }
  /**
   * The end of a page's flow that results in a session without a code; not part of the JSON
   * dialect.
   */
  | { type: 'signed_in'; flow_id: string; handler: [string, string | null] };
