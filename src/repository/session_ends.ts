// Ends sessions, each in one statement together with unredeemed codes, dependent grants, and logout
// deliveries to clients.
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/** An ended session, and what ended with it. */
export interface EndedSession {
  sid: string;
  user_id: string;
  refresh_token_ids: string[];
  /** Clients to be notified (OpenID Connect Back-Channel Logout). */
  client_ids: string[];
}

export type SessionEndRepository = ReturnType<typeof createSessionEndRepository>;

export function createSessionEndRepository({ transaction }: Pick<Database, 'transaction'>) {
  return {
    /** Ends one session; undefined if it has ended already. */
    async end({ sid, now }: { sid: string; now: Date }): Promise<EndedSession | undefined> {
      return await transaction(async (trx) => {
        const [ended] = (await lockUserOf(trx, sid)) ? await endWhere(trx, sql`s.sid = ${sid}`, now) : [];
        return ended;
      });
    },

    /**
     * Ends one session of a user whose row is locked; undefined if it is not theirs or has ended.
     */
    async endOne(
      trx: Kysely<Schema>,
      { user_id, sid, now }: { user_id: string; sid: string; now: Date },
    ): Promise<EndedSession | undefined> {
      return (await endWhere(trx, sql`s.sid = ${sid} and s.user_id = ${user_id}`, now))[0];
    },

    /** Ends the sessions of one login, in a transaction that has locked the user's row. */
    endOfCredential: (trx: Kysely<Schema>, { credential_id, now }: { credential_id: string; now: Date }): Promise<EndedSession[]> =>
      endWhere(trx, sql`s.credential_id = ${credential_id}`, now),

    /**
     * Ends all sessions of a user except that of one grant, in a transaction that has locked the
     * user's row.
     */
    endAll: (
      trx: Kysely<Schema>,
      { user_id, except_refresh_token_id = null, now }: { user_id: string; except_refresh_token_id?: string | null; now: Date },
    ): Promise<EndedSession[]> => endWhere(trx, sql`s.user_id = ${user_id} and not ${isOfGrant(except_refresh_token_id)}`, now),
  };
}

/** Waits for codes being redeemed and blocks new ones, so that every grant is visible below. */
async function lockUserOf(trx: Kysely<Schema>, sid: string): Promise<boolean> {
  const { rows } = await sql`select u.id from users u join sessions s on s.user_id = u.id where s.sid = ${sid} for update of u`.execute(
    trx,
  );
  return rows.length > 0;
}

/** Whether the grant belongs to session `s`. */
function isOfGrant(refresh_token_id: string | null): RawBuilder<boolean> {
  return sql<boolean>`exists (select from refresh_tokens g where g.id = ${refresh_token_id} and g.sid = s.sid)`;
}

async function endWhere(trx: Kysely<Schema>, which: RawBuilder<unknown>, now: Date): Promise<EndedSession[]> {
  const { rows } = await sql<EndedSession>`
    with ${ending(which, now)}
    select sid, user_id, array(select id from parted where parted.sid = ended.sid) as refresh_token_ids,
      array(select client_id from queued where queued.sid = ended.sid order by client_id) as client_ids
    from ended`.execute(trx);
  return rows;
}

/** Ends all sessions `s` that match, of any user; requires `lockIssuing`. Returns their number. */
export async function endSessionsWhere(
  trx: Kysely<Schema>,
  which: RawBuilder<boolean>,
  now: Date,
): Promise<{ sessions: number; refresh_tokens: number }> {
  const { rows } = await sql<{ sessions: number; refresh_tokens: number }>`
    with ${ending(which, now)}
    select (select count(*) from ended) as sessions, (select count(*) from parted) as refresh_tokens`.execute(trx);
  return rows[0] ?? { sessions: 0, refresh_tokens: 0 };
}

/** The common beginning of statements that end sessions. */
function ending(which: RawBuilder<unknown>, now: Date): RawBuilder<unknown> {
  return sql`
    ended as (
      delete from sessions s where ${which} returning s.sid, s.user_id
    ), unspent as (
      delete from authorization_codes c using ended where c.sid = ended.sid and c.spent_at is null
    ), parted as (
      -- OpenID Connect Back-Channel Logout section 2.7: offline access is what outlives the session.
      delete from refresh_tokens r using ended where r.sid = ended.sid and not ('offline_access' = any(r.scope)) returning r.id, r.sid
    ), told as (
      select r.sid, r.client_id from refresh_tokens r join ended using (sid) where 'openid' = any(r.scope)
      union
      select c.sid, c.client_id from authorization_codes c join ended using (sid) where 'openid' = any(c.scope) and c.spent_at is not null
    ), queued as (
      insert into logout_deliveries (jti, client_id, user_id, sid, created_at, next_attempt_at)
      select gen_random_uuid()::text, client_id, user_id, sid, ${now}, ${now} from told join ended using (sid)
      -- Where a client of a URL wants to be told, its metadata document says.
      where client_id ~* '^https?:' or exists (
        select from clients k where k.client_id = told.client_id and k.is_enabled and k.backchannel_logout_uri is not null)
      returning sid, client_id
    )`;
}
