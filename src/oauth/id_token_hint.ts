// ID tokens of ours that come back as `id_token_hint` (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2): expired ones too, for as
// long as their key is known.
import type { Keyring } from '../tokens/keyring.ts';

/** Whom an ID token was about, and for whom it was made. */
export interface IdTokenHint {
  user_id: string;
  client_id: string;
  /** Of the session that it came from. */
  sid: string | null;
}

/** Null for anything that is no ID token of ours. */
export function readIdTokenHint(
  token: string,
  { keyring, issuer }: { keyring: Pick<Keyring, 'verify'>; issuer: string },
): IdTokenHint | null {
  const verified = keyring.verify(token);
  // Other tokens of ours say other things.
  if (verified?.header.typ !== 'JWT') return null;
  const { iss, sub, aud, sid } = verified.claims;
  if (iss !== issuer || typeof sub !== 'string' || typeof aud !== 'string') return null;
  return { user_id: sub, client_id: aud, sid: typeof sid === 'string' ? sid : null };
}
