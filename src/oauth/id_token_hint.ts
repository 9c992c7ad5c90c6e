// Reads `id_token_hint` (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2).
// Expired ID tokens are accepted while their key is known.
import type { Keyring } from '../tokens/keyring.ts';

/** The subject and audience of an ID token. */
export interface IdTokenHint {
  user_id: string;
  client_id: string;
  /** The session it was issued in. */
  sid: string | null;
}

/** Null for anything but an ID token of this issuer. */
export function readIdTokenHint(
  token: string,
  { keyring, issuer }: { keyring: Pick<Keyring, 'verify'>; issuer: string },
): IdTokenHint | null {
  const verified = keyring.verify(token);
  if (verified?.header.typ !== 'JWT') return null;
  const { iss, sub, aud, sid, exp } = verified.claims;
  // A signed userinfo response has no `exp`.
  if (iss !== issuer || typeof exp !== 'number' || typeof sub !== 'string' || typeof aud !== 'string') return null;
  return { user_id: sub, client_id: aud, sid: typeof sid === 'string' ? sid : null };
}
