// Single access tokens of the standard profile that were revoked before their time (RFC 7009). All others die with their grant, or, where none is
// theirs, by the time before which everything was revoked.
import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';

export type RevokedAccessTokenRepository = ReturnType<typeof createRevokedAccessTokenRepository>;

/** A token, and the grant that it hangs on, if any. */
export interface RevokedAccessToken {
  jti: string;
  refresh_token_id: string | null;
  /** When it would have been refused anyway. */
  expires_at: Date;
}

/** A token, and when it says that it was issued. */
interface Issued {
  jti: string;
  issued_at: Date;
}

export function createRevokedAccessTokenRepository(database: Database) {
  const isRevoked = database.prepareBatched<Issued, object>(
    'revoked_access_tokens_find',
    (_, p) => sql`
      select from revoked_access_tokens where jti = ${p.jti}
      union all
      select from cut_off where not_before > ${p.issued_at}`,
  );

  return {
    /** Of a token that hangs on no grant. */
    isRevoked: async (token: Issued): Promise<boolean> => (await isRevoked(token)).length > 0,

    /** Remembers the token until it expires; false when its grant is of Home Assistant's dialect, gone, or the token remembered already. */
    async revoke({ jti, refresh_token_id, expires_at }: RevokedAccessToken): Promise<boolean> {
      const { rows } = await sql`
        insert into revoked_access_tokens (jti, expires_at) select ${jti}, ${expires_at}
        where ${refresh_token_id}::text is null
          or exists (select from refresh_tokens where id = ${refresh_token_id} and profile = 'standard')
        on conflict do nothing returning jti`.execute(database.kysely);
      return rows.length > 0;
    },
  };
}

/** A condition for statements that look at the grant as well. */
export function isNotRevoked(jti: string): RawBuilder<boolean> {
  return sql<boolean>`not exists (select from revoked_access_tokens a where a.jti = ${jti})`;
}
