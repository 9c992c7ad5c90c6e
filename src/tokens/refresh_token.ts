// The secret of a grant: handed out once, stored as its hash.
import { randomToken, sha256 } from '../domain/secret.ts';

export function newRefreshToken(): { refresh_token: string; token_hash: Buffer } {
  const refresh_token = randomToken('lk_rt_');
  return { refresh_token, token_hash: refreshTokenHash(refresh_token) };
}

/** What a presented refresh token is found by. */
export function refreshTokenHash(refresh_token: string): Buffer {
  return sha256(refresh_token);
}
