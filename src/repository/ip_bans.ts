// Banned addresses: IPv4 addresses and IPv6 /64 networks, until the ban expires or is lifted.
import { sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import { createRowTrimmer } from './row_limits.ts';

/** Prefix of the keys of cross-site requests of an address. */
export const CROSS_SITE_PREFIX = 'cross-site ';

export type IpBanRepository = ReturnType<typeof createIpBanRepository>;

export function createIpBanRepository(database: Database) {
  const { kysely } = database;
  const makeRoom = createRowTrimmer(database, 'ip_bans');
  return {
    /** Bans an address; returns whether it was not banned. An existing ban is not extended. */
    async ban({ address, now, expires_at }: { address: string; now: Date; expires_at: Date }): Promise<boolean> {
      await makeRoom();
      const banned = await kysely
        .insertInto('ip_bans')
        .values({ address, banned_at: now, expires_at })
        .onConflict((oc) => oc.column('address').doUpdateSet({ banned_at: now, expires_at }).where('ip_bans.expires_at', '<=', now))
        .returning('address')
        .executeTakeFirst();
      return banned !== undefined;
    },

    /** Current bans, newest first; kind `address` excludes those of cross-site requests. */
    async list({ now, limit, kind }: { now: Date; limit: number; kind?: 'address' }) {
      const query = kysely
        .selectFrom('ip_bans')
        .select(['address', 'banned_at', 'expires_at'])
        .where('expires_at', '>', now)
        .$if(kind === 'address', (bans) => bans.where('address', 'not like', `${CROSS_SITE_PREFIX}%`));
      return await query.orderBy('banned_at', 'desc').orderBy('address').limit(limit).execute();
    },

    /** Lifts a ban and deletes its failures; returns whether there was a current one. */
    async lift({ address, now }: { address: string; now: Date }): Promise<boolean> {
      const { rows } = await sql<{ expires_at: Date }>`
        with forgiven as (delete from failed_logins where address = ${address})
        delete from ip_bans where address = ${address} returning expires_at`.execute(kysely);
      return rows.some(({ expires_at }) => expires_at > now);
    },
  };
}
