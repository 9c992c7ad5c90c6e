// The audit events: one for every state change, login and refusal.

import type { JsonObject } from './json.ts';

/** Every event type; the part before the dot names its subject. */
export type AuditEventType =
  | 'owner.created'
  | 'owner.handed_over'
  | 'user.created'
  | 'user.updated'
  | 'user.imported'
  | 'user.approved'
  | 'user.merged'
  | 'user.deleted'
  | 'user.expired'
  | 'credential.linked'
  | 'credential.removed'
  | 'local_login.created'
  | 'local_login.password_changed'
  | 'local_login.username_changed'
  | 'local_login.removed'
  | 'group.reconciled'
  | 'group.imported'
  | 'client.created'
  | 'client.updated'
  | 'client.deleted'
  | 'client.pending'
  | 'client.approved'
  | 'client.refused'
  | 'client.reconciled'
  | 'client.secret_created'
  | 'client.secret_removed'
  | 'url_client.pending'
  | 'url_client.approved'
  | 'url_client.refused'
  | 'login.succeeded'
  | 'login.failed'
  | 'login.blocked'
  | 'provider.tested'
  | 'mfa.enrolled'
  | 'mfa.removed'
  | 'mfa.failed'
  | 'mfa.locked'
  | 'authorization_code.issued'
  | 'authorization_code.redeemed'
  | 'authorization_code.replayed'
  | 'authorization_code.refused'
  | 'id_token.issued'
  | 'device_code.issued'
  | 'device_code.approved'
  | 'device_code.denied'
  | 'device_code.redeemed'
  | 'device_code.refused'
  | 'refresh_token.created'
  | 'refresh_token.refused'
  | 'refresh_token.replayed'
  | 'refresh_token.revoked'
  | 'refresh_token.expiry_changed'
  | 'access_token.exchanged'
  | 'access_token.refused'
  | 'consent.granted'
  | 'consent.withdrawn'
  | 'access_token.revoked'
  | 'tokens.revoked'
  | 'host_session.started'
  | 'host_session.refused'
  | 'session.ended'
  | 'logout.undelivered'
  | 'address.banned'
  | 'address.lifted'
  | 'signing_key.created'
  | 'signing_key.rotated'
  | 'request.refused';

export interface AuditEvent {
  type: AuditEventType;
  outcome: 'done' | 'refused';
  /** The reference shown to the person. */
  error_ref?: string | null;
  actor_user_id?: string | null;
  target_user_id?: string | null;
  client_id?: string | null;
  remote_address?: string | null;
  /** Details of the decision. Never a secret. */
  detail?: JsonObject;
}

/** Accepts events. Refusals go through a bounded buffer and may be counted instead of stored. */
export interface Audit {
  record(event: AuditEvent): void;
}
