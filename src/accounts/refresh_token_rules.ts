// Rules for a user's grants (HA contract 2.4), checked in Home Assistant's order and with its
// messages.
import { AuthError } from '../domain/errors.ts';
import type { TokenType } from '../domain/token.ts';
import type { User } from '../domain/user.ts';

/** A requested grant. */
export interface GrantRequestRules {
  token_type?: TokenType | undefined;
  client_id?: string | null | undefined;
  client_name?: string | null | undefined;
}

/**
 * The grant's type; throws if this user may not have it. A unique index keeps names of long-lived
 * ones distinct.
 */
export function grantedType(user: Pick<User, 'is_active' | 'system_generated'>, wanted: GrantRequestRules): TokenType {
  const { client_id = null, client_name = null } = wanted;
  if (!user.is_active) throw inactiveUser();
  if (user.system_generated && client_id !== null) {
    throw new AuthError('system_generated', 'System generated users cannot have refresh tokens connected to a client.');
  }
  const token_type = wanted.token_type ?? (user.system_generated ? 'system' : 'normal');
  if (user.system_generated !== (token_type === 'system')) throw wrongTokenType();
  if (token_type === 'normal' && client_id === null)
    throw new AuthError('invalid_format', 'Client is required to generate a refresh token.');
  if (token_type === 'long_lived_access_token' && !client_name) {
    throw new AuthError('invalid_format', 'Client_name is required for long-lived access token');
  }
  return token_type;
}

export function inactiveUser(): AuthError {
  return new AuthError('conflict', 'User is not active');
}

export function wrongTokenType(): AuthError {
  return new AuthError('system_generated', 'System generated users can only have system type refresh tokens');
}
