// Approval of clients that no operator registered: what the owner sees, and a hash of everything
// that the client says of itself, so that an approval does not outlive a change.
import { createHash } from 'node:crypto';
import type { Client } from './client.ts';
import { CLIENT_DEFAULTS } from './client_metadata.ts';
import type { JsonObject } from './json.ts';

/** What the owner sees when approving a client. */
export function shownMetadata({ kind, client_name, client_uri, redirect_uris, scope, token_endpoint_auth_method }: Client): JsonObject {
  return { kind, client_name, client_uri, redirect_uris, scope, token_endpoint_auth_method };
}

/** Not declared by a client; or, as response modes are, of no concern to who approves it. */
const UNDECLARED = [
  ...['resources', 'response_types', 'response_modes', 'profile', 'require_pkce', 'id_token_claims', 'claims', 'approval'],
  ...['refuse_unknown_scopes', 'access_token_signed_response_alg', 'userinfo_signed_response_alg'],
];

/** Approvals outlive an update that adds a field. */
function isAddedDefault(name: string, value: unknown): boolean {
  return (name === 'default_max_age' || name === 'require_auth_time') && value === CLIENT_DEFAULTS[name];
}

/** SHA-256 over everything that the client declares, so any change requires a new approval. */
export function metadataHash({ scope, kind, ...client }: Client): Buffer {
  const declared = Object.entries(client).filter(([name, value]) => !UNDECLARED.includes(name) && !isAddedDefault(name, value));
  const said = { ...Object.fromEntries(declared), kind, trusted: false, scope: kind === 'url' ? [] : scope };
  return createHash('sha256').update(canonical(said)).digest();
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
