// The table `device_cookies`: browsers in which a person has logged in, by SHA-256 of the cookie.
import { type Kysely, type SqlBool, sql } from 'kysely';
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
  /** Of the browser's former cookie. */
  replaced_hash: Buffer | null;
}

/** A guess; `name` is the provider's key for counting. */
interface Guess {
  cookie_hash: Buffer;
  provider: ProviderKey;
  name: string;
  now: Date;
}

export function createDeviceCookies({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /**
     * Counts a guess before it is checked; false for an unknown, used up or expired cookie, or
     * another person's.
     */
    async takeGuess({ cookie_hash, provider, name, now }: Guess): Promise<boolean> {
      const { rows } = await sql`
        update device_cookies d set guesses = guesses + 1
        where cookie_hash = ${cookie_hash} and expires_at > ${now} and guesses < ${sql.lit(MAX_GUESSES)}
          and (select count(*) from device_cookies o where o.user_id = d.user_id and (o.created_at, o.cookie_hash) > (d.created_at, d.cookie_hash))
            < ${sql.lit(MAX_OF_USER)}
          and exists (
          select from credentials c where c.user_id = d.user_id and c.auth_provider_type = ${provider.auth_provider_type}
            and coalesce(c.auth_provider_id, '') = ${provider.auth_provider_id ?? ''}
            and (c.subject = ${name} or lower(c.data->>'username') = lower(${name})))
        returning 1`.execute(kysely);
      return rows.length > 0;
    },
  };
}

/**
 * The start of the statement that stores a session: replaces the browser's cookie and evicts the
 * person's oldest ones. Parallel logins may exceed the limit until the next; only the newest count.
 */
export function withDeviceCookie(kysely: Kysely<Schema>, { cookie_hash, user_id, created_at, expires_at, replaced_hash }: NewDeviceCookie) {
  return kysely
    .with('removed', (db) =>
      db
        .deleteFrom('device_cookies')
        .where(
          sql<SqlBool>`cookie_hash = ${replaced_hash} or cookie_hash in (
            select cookie_hash from device_cookies where user_id = ${user_id} and cookie_hash is distinct from ${replaced_hash}
            order by created_at desc, cookie_hash offset ${sql.lit(MAX_OF_USER - 1)})`,
        )
        .returning('cookie_hash'),
    )
    .with('remembered', (db) =>
      db
        .insertInto('device_cookies')
        .columns(['cookie_hash', 'user_id', 'created_at', 'expires_at'])
        .expression(
          db
            .selectFrom('users')
            .select([
              sql.val(cookie_hash).as('cookie_hash'),
              'id',
              sql.val(created_at).as('created_at'),
              sql.val(expires_at).as('expires_at'),
            ])
            .where('id', '=', user_id),
        )
        .returning('cookie_hash'),
    );
}

/** Deletes a person's cookies. */
export async function removeDeviceCookies(trx: Kysely<Schema>, user_id: string): Promise<void> {
  await trx.deleteFrom('device_cookies').where('user_id', '=', user_id).execute();
}
