// The table `device_cookies`: browsers in which a person has logged in, by SHA-256 of the cookie.
import { type Kysely, sql } from 'kysely';
import type { ProviderKey } from '../domain/auth_provider.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

export type DeviceCookies = ReturnType<typeof createDeviceCookies>;

/** Guesses that a cookie allows during blocks. */
const MAX_GUESSES = 5;
/** Maximum cookies per person; the oldest are evicted. */
const MAX_OF_USER = 10;

export interface NewDeviceCookie {
  cookie_hash: Buffer;
  user_id: string;
  created_at: Date;
  expires_at: Date;
}

/** A guess; `name` is the provider's key for counting. */
interface Guess {
  cookie_hash: Buffer;
  provider: ProviderKey;
  name: string;
  now: Date;
}

export function createDeviceCookies({ kysely, transaction }: Pick<Database, 'kysely' | 'transaction'>) {
  return {
    /** Replaces the browser's cookie. Serialized per person, which enforces the limit. */
    async store(cookie: NewDeviceCookie, replaced_hash: Buffer | null): Promise<void> {
      const { cookie_hash, user_id, created_at, expires_at } = cookie;
      await transaction(async (trx) => {
        await sql`select pg_advisory_xact_lock(hashtextextended(${`device_cookies ${user_id}`}, 0))`.execute(trx);
        await sql`
          with removed as (
            delete from device_cookies where cookie_hash = ${replaced_hash} or cookie_hash in (
              select cookie_hash from device_cookies where user_id = ${user_id} and cookie_hash is distinct from ${replaced_hash}
              order by created_at desc, cookie_hash offset ${sql.lit(MAX_OF_USER - 1)})
          )
          insert into device_cookies (cookie_hash, user_id, created_at, expires_at)
          values (${cookie_hash}, ${user_id}, ${created_at}, ${expires_at})`.execute(trx);
      });
    },

    /**
     * Counts a guess before it is checked; false for an unknown, used up or expired cookie, or
     * another person's.
     */
    async takeGuess({ cookie_hash, provider, name, now }: Guess): Promise<boolean> {
      const { rows } = await sql`
        update device_cookies d set guesses = guesses + 1
        where cookie_hash = ${cookie_hash} and expires_at > ${now} and guesses < ${sql.lit(MAX_GUESSES)} and exists (
          select from credentials c where c.user_id = d.user_id and c.auth_provider_type = ${provider.auth_provider_type}
            and coalesce(c.auth_provider_id, '') = ${provider.auth_provider_id ?? ''}
            and (c.subject = ${name} or lower(c.data->>'username') = lower(${name})))
        returning 1`.execute(kysely);
      return rows.length > 0;
    },
  };
}

/** Deletes a person's cookies. */
export async function removeDeviceCookies(trx: Kysely<Schema>, user_id: string): Promise<void> {
  await trx.deleteFrom('device_cookies').where('user_id', '=', user_id).execute();
}
