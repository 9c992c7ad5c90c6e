// Why a login is blocked: a reason for programs, and Home Assistant's text for clients.

import { AuthError, type BlockReason } from './errors.ts';
import { BLOCK_TEXTS } from './home_assistant_texts.ts';
import { isLocalAddress, parseAddress } from './network.ts';
import type { User } from './user.ts';

/** The error of a blocked login (HA contract 3.6b). `detail` is for the audit event. */
export function loginBlocked(reason: BlockReason, detail?: string): AuthError {
  return new AuthError('login_blocked', `Login blocked: ${BLOCK_TEXTS[reason]}`, { reason, ...(detail !== undefined && { detail }) });
}

/** Why this user may not authenticate from this address (null: no request); null: they may. */
export function blockReason(user: Pick<User, 'is_active' | 'local_only'>, address: string | null): BlockReason | null {
  if (!user.is_active) return 'inactive';
  if (!user.local_only) return null;
  if (address === null) return 'no_request';
  if (!parseAddress(address)) return 'invalid_address';
  return isLocalAddress(address) ? null : 'not_local';
}

/** The same in Home Assistant's words. */
export function refusalToAuthenticate(user: Pick<User, 'is_active' | 'local_only'>, address: string | null): string | null {
  const reason = blockReason(user, address);
  return reason === null ? null : BLOCK_TEXTS[reason];
}
