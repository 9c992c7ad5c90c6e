// Individually revoked access tokens of the standard profile (RFC 7009). Others end with their
// grant, or by the cut-off time.
import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';

export type RevokedAccessTokenRepository = ReturnType<typeof createRevokedAccessTokenRepository>;

/** A token and its grant, if any. */
export interface RevokedAccessToken {
  jti: string;
  refresh_token_id: string | null;
  /** The token's expiry. */
  expires_at: Date;
}

/** A token and its time of issue. */
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
    /** For tokens without a grant. */
    isRevoked: async (token: Issued): Promise<boolean> => (await isRevoked(token)).length > 0,

    /**
     * Stores a revocation until the token expires; false if its grant is of Home Assistant's
     * dialect or gone, or the token is revoked already.
     */
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

/** A condition for statements that also read the grant. */
export function isNotRevoked(jti: string): RawBuilder<boolean> {
  return sql<boolean>`not exists (select from revoked_access_tokens a where a.jti = ${jti})`;
}
