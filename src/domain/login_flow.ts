// The conversation in which a person logs in, and the pure rule that decides what comes next.

import type { Identity, ProviderKey } from './auth_provider.ts';
import type { FormField, FormValues } from './form.ts';
import type { JsonObject } from './json.ts';

export type FlowType = 'authorize' | 'link_user';

/** What a page must know of its own request when the person comes back to it from elsewhere. */
export interface FlowPage {
  /** The query of the authorization request, without its question mark. */
  query: string;
  /** Whether the person stays logged in. */
  keep: boolean;
}

/** A login flow as its row holds it. */
export interface LoginFlow extends ProviderKey {
  /** The `flow_id` of the wire: 32 hex characters. */
  id: string;
  client_id: string;
  redirect_uri: string;
  flow_type: FlowType;
  remote_address: string;
  /** SHA-256 of the pre-login cookie; null for the JSON dialect, which is bound to the address. */
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
  /** What came back from elsewhere, for a client of the JSON dialect to go on with. */
  came_back: FormValues | null;
  version: number;
  created_at: Date;
  expires_at: Date;
  /** When a person first answered one of its forms; null: nobody has. */
  typed_at: Date | null;
}

/** A step as a client sees it (HA contract section 5). Keys are there even when they say nothing. */
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
  /** The end of a page's flow that gives a session and no code; no client of the JSON dialect sees it. */
  | { type: 'signed_in'; flow_id: string; handler: [string, string | null] };
