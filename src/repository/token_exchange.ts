// The query of a token exchange (RFC 8693): whether the subject token is valid, and whether its
// user may use the exchanging client. One statement.
import { sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import { type ClientRights, isInAllowedGroup } from './client_rights.ts';
import { hasActiveClient, isValid } from './refresh_tokens.ts';
import { isNotRevoked } from './revoked_access_tokens.ts';

/** The subject token and the exchanging client. */
export interface ExchangedToken extends Pick<ClientRights, 'allowed_group_ids'> {
  refresh_token_id: string;
  user_id: string;
  jti: string;
  now: Date;
  /** Whether users restricted to the local network may use this address. */
  remote_is_local: boolean;
}

export function createTokenExchangeRepository(database: Database) {
  return {
    /** The login of the token; none if the token is invalid or its user may have none. */
    find: database.prepare(
      'token_exchanges_find',
      (_, p: ExchangedToken) => sql<{ auth_time: Date; amr: string[] }>`
        select r.auth_time, r.amr from refresh_tokens r join users u on u.id = r.user_id
        where r.id = ${p.refresh_token_id} and u.id = ${p.user_id} and r.profile = 'standard'
          and ${isValid(p.now)} and ${isNotRevoked(p.jti)} and ${hasActiveClient()}
          and u.is_active and (not u.local_only or ${p.remote_is_local}) and ${isInAllowedGroup('u.id', p)}`,
    ),
  };
}
