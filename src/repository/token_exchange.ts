// What a token exchange (RFC 8693) asks of the database: whether the token that is handed in is still good, and whether its user may use the client
// that hands it in. One statement.
import { sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import { type ClientRights, isInAllowedGroup } from './client_rights.ts';
import { hasActiveClient, isValid } from './refresh_tokens.ts';
import { isNotRevoked } from './revoked_access_tokens.ts';

/** The access token, and who exchanges it. */
export interface ExchangedToken extends Pick<ClientRights, 'allowed_group_ids'> {
  refresh_token_id: string;
  user_id: string;
  jti: string;
  now: Date;
  /** Whether users restricted to the local network may come from where the request does. */
  remote_is_local: boolean;
}

export type TokenExchangeRepository = ReturnType<typeof createTokenExchangeRepository>;

export function createTokenExchangeRepository(database: Database) {
  return {
    /** The login behind the token; none where the token is dead, or its user may have none here. */
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
