// Authorization codes: stored by their hash, spent by one statement that also makes the grant, kept as evidence until the janitor takes them.
import { type Insertable, sql } from 'kysely';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

export type AuthorizationCodes = ReturnType<typeof createAuthorizationCodes>;

export type NewAuthorizationCode = Omit<Insertable<Schema['authorization_codes']>, 'wrong_verifiers' | 'spent_at' | 'refresh_token_id'>;

/** The wrong verifier that kills a code. */
export const MAX_WRONG_VERIFIERS = 5;

/** What is presented for a code: all three must be right. */
export interface Proof {
  code_hash: Buffer;
  client_id: string;
  /** The S256 of the verifier; null when none was sent. */
  code_challenge: string | null;
}

/** A redemption: the proof, the facts that decide whether its user may have tokens, and the grant to make. */
export interface Redemption extends Proof {
  now: Date;
  remote_address: string;
  /** Whether users restricted to the local network may come from that address. */
  remote_is_local: boolean;
  /** `providerKeyText` of every provider that lets people in from there. */
  providers: readonly string[];
  refresh_token_id: string;
  token_hash: Buffer;
  access_token_expiration: number;
  idle_lifetime: number | null;
  expires_at: Date | null;
}

/** The code that was spent; without a `refresh_token_id` it bore nothing, and the rest says why. */
export interface Redeemed {
  user_id: string;
  refresh_token_id: string | null;
  is_active: boolean;
  local_only: boolean;
  auth_provider_type: string;
  auth_provider_id: string | null;
  auth_time: Date;
  amr: string[];
}

/** Why nothing was redeemed. Wrong proofs come before everything else: they learn nothing about the code. */
export interface Miss {
  reason: 'unknown' | 'verifier_missing' | 'verifier_wrong' | 'verifier_unexpected' | 'replayed' | 'expired' | 'killed';
  user_id: string | null;
}

export function createAuthorizationCodes(database: Database) {
  const { kysely } = database;
  return {
    async store(code: NewAuthorizationCode, trx = kysely): Promise<void> {
      await trx.insertInto('authorization_codes').values(code).execute();
    },

    /**
     * Spends a code and makes the grant it bears, in one statement: whoever comes second finds nothing.
     * A code whose user may not have tokens (any more) is spent all the same, as in Home Assistant.
     */
    // The user's row is locked before the code's: the order in which deleting a user takes them.
    redeem: database.prepare(
      'authorization_codes_redeem',
      (_, p: Redemption) => sql<Redeemed>`
        with holder as (
          select u.id, u.is_active, u.local_only from authorization_codes c join users u on u.id = c.user_id
          where c.code_hash = ${p.code_hash} for key share of u
        ), spent as (
          update authorization_codes c set spent_at = ${p.now}, refresh_token_id = ${p.refresh_token_id}
          from holder
          where c.code_hash = ${p.code_hash} and c.user_id = holder.id and c.client_id = ${p.client_id} and c.purpose = 'authorize'
            and c.code_challenge is not distinct from ${p.code_challenge} and c.wrong_verifiers < ${sql.lit(MAX_WRONG_VERIFIERS)}
            and c.spent_at is null and c.expires_at > ${p.now}
          returning c.user_id, c.credential_id, c.client_id, c.auth_provider_type, c.auth_provider_id, c.auth_time, c.amr,
            holder.is_active, holder.local_only
        ), granted as (
          insert into refresh_tokens (id, user_id, credential_id, auth_provider_type, auth_provider_id, token_type, client_id, token_hash,
            access_token_expiration, idle_lifetime, expires_at, created_at, auth_time, amr, last_used_at, last_used_ip)
          select ${p.refresh_token_id}, user_id, credential_id, auth_provider_type, auth_provider_id, 'normal', client_id, ${p.token_hash},
            ${p.access_token_expiration}, ${p.idle_lifetime}, ${p.expires_at}, ${p.now}, auth_time, amr, ${p.now}, ${p.remote_address}
          from spent
          where is_active and (not local_only or ${p.remote_is_local})
            and auth_provider_type || ':' || coalesce(auth_provider_id, '') = any(${p.providers})
          returning id
        )
        select user_id, granted.id as refresh_token_id, is_active, local_only, auth_provider_type, auth_provider_id, auth_time, amr
        from spent left join granted on true`,
    ),

    /** Why `redeem` found nothing. A statement of its own: it sees what the winner of a race has committed. */
    async explainMiss(proof: Proof, now: Date): Promise<Miss> {
      const code = await kysely
        .selectFrom('authorization_codes')
        .select(['user_id', 'code_challenge', 'spent_at', 'expires_at', 'wrong_verifiers'])
        .where('code_hash', '=', proof.code_hash)
        .where('client_id', '=', proof.client_id)
        .where('purpose', '=', 'authorize')
        .executeTakeFirst();
      if (!code) return { reason: 'unknown', user_id: null };
      return { reason: missReason(code, proof, now), user_id: code.user_id };
    },

    /** Ends the grant that a code bore; null when it is gone already, or never was. */
    async revokeGrantOfCode(code_hash: Buffer): Promise<string | null> {
      const revoked = await kysely
        .deleteFrom('refresh_tokens as r')
        .using('authorization_codes as c')
        .where('c.code_hash', '=', code_hash)
        .whereRef('r.id', '=', 'c.refresh_token_id')
        .returning('r.id')
        .executeTakeFirst();
      return revoked?.id ?? null;
    },

    /** Counts a wrong verifier against a code that is not spent; the last one counted kills it. Answers how many there were. */
    async countWrongVerifier(code_hash: Buffer): Promise<number> {
      const counted = await kysely
        .updateTable('authorization_codes')
        .set((eb) => ({ wrong_verifiers: eb('wrong_verifiers', '+', 1) }))
        .where('code_hash', '=', code_hash)
        .where('spent_at', 'is', null)
        .where('wrong_verifiers', '<', MAX_WRONG_VERIFIERS)
        .returning('wrong_verifiers')
        .executeTakeFirst();
      return counted?.wrong_verifiers ?? MAX_WRONG_VERIFIERS;
    },
  };
}

type Judged = Pick<Schema['authorization_codes'], 'code_challenge' | 'spent_at' | 'expires_at'> & { wrong_verifiers: number };

function missReason(code: Judged, proof: Proof, now: Date): Miss['reason'] {
  if (code.code_challenge !== proof.code_challenge) {
    if (proof.code_challenge === null) return 'verifier_missing';
    return code.code_challenge === null ? 'verifier_unexpected' : 'verifier_wrong';
  }
  if (code.spent_at) return 'replayed';
  if (code.expires_at <= now) return 'expired';
  return code.wrong_verifiers >= MAX_WRONG_VERIFIERS ? 'killed' : 'unknown';
}
