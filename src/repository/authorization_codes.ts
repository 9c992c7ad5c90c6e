// Authorization codes: stored as hashes, redeemed by one statement that also creates the grant, and
// kept as evidence of replay until the janitor deletes them.
import { type Insertable, sql } from 'kysely';
import type { Profile } from '../domain/authorization_request.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { type ClientRights, fitsResource, isConsented, isInAllowedGroup } from './client_rights.ts';

export type AuthorizationCodeRepository = ReturnType<typeof createAuthorizationCodeRepository>;

export type NewAuthorizationCode = Omit<Insertable<Schema['authorization_codes']>, 'wrong_verifiers' | 'spent_at' | 'refresh_token_id'>;

/** The number of wrong verifiers that invalidates a code. */
export const MAX_WRONG_VERIFIERS = 5;

/** What a request presents for a code; all of it must match. */
export interface Proof {
  code_hash: Buffer;
  profile: Profile;
  client_id: string;
  /** The verifier's S256; null if absent. */
  code_challenge: string | null;
  /** Null if absent, which OAuth 2.1 section 10.2 allows. */
  redirect_uri: string | null;
  /** The key that the request proves. */
  dpop_jkt: string | null;
  /** Requested; null: all that was granted. */
  resource: readonly string[] | null;
  /** This server: the resource of a code that names none. */
  own_resource: string;
}

/**
 * A redemption: the proof, what decides whether the user may have tokens, and the grant to create.
 */
export interface Redemption extends Proof, ClientRights {
  now: Date;
  remote_address: string;
  /** Whether users restricted to the local network may use this address. */
  remote_is_local: boolean;
  /** `providerKeyText` of every provider that accepts the address. */
  providers: readonly string[];
  refresh_token_id: string;
  /** Hash of a non-rotating refresh token. */
  token_hash: Buffer | null;
  /** Seed of a rotating refresh token. */
  seed: Buffer | null;
  /** The key that every refresh must prove. */
  refresh_jkt: string | null;
  access_token_expiration: number;
  idle_lifetime: number | null;
  expires_at: Date | null;
}

/** The redeemed code; without a `refresh_token_id` no grant was created, and the rest says why. */
export interface RedeemedCode {
  user_id: string;
  refresh_token_id: string | null;
  is_active: boolean;
  local_only: boolean;
  /** False if it came from a browser session that has ended. */
  is_in_session: boolean;
  auth_provider_type: string;
  auth_provider_id: string | null;
  auth_time: Date;
  amr: string[];
  scope: string[];
  resource: string[];
  nonce: string | null;
  claims: JsonObject | null;
  sid: string | null;
}

/**
 * Why nothing was redeemed. Wrong proofs come first, so that they reveal nothing about the code.
 */
export interface RedemptionFailure {
  /** `linked`: a link_user code whose identity belongs to a user. */
  reason: 'unknown' | WrongProof | 'replayed' | 'expired' | 'killed' | 'linked';
  user_id: string | null;
}

type WrongProof = 'verifier_missing' | 'verifier_wrong' | 'verifier_unexpected' | 'redirect_uri' | 'other_key' | 'resource';

export function createAuthorizationCodeRepository(database: Database) {
  const { kysely } = database;
  return {
    async store(code: NewAuthorizationCode, trx = kysely): Promise<void> {
      await trx.insertInto('authorization_codes').values(code).execute();
    },

    /**
     * Redeems a code and creates its grant in one statement, so a second attempt finds nothing. A
     * code is also used up if its user may not have tokens, as in Home Assistant, or its session
     * has ended.
     */
    redeem: database.prepareBatched(
      'authorization_codes_redeem',
      // Locks the user's row before the code's, in the order that deleting a user does. Ending a
      // session holds that row, so a code is either deleted with it or finds the session gone.
      (_, p: Redemption) => sql<RedeemedCode>`
        with holder as (
          select u.id, u.is_active, u.local_only from authorization_codes c join users u on u.id = c.user_id
          where c.code_hash = ${p.code_hash} for key share of u
        ), spent as (
          update authorization_codes c set spent_at = ${p.now}, refresh_token_id = ${p.refresh_token_id}
          from holder
          where c.code_hash = ${p.code_hash} and c.user_id = holder.id and c.client_id = ${p.client_id} and c.purpose = 'authorize'
            and c.profile = ${p.profile} and c.code_challenge is not distinct from ${p.code_challenge}
            and (${p.redirect_uri}::text is null or c.redirect_uri = ${p.redirect_uri})
            and (c.code_challenge is not null or c.profile <> 'standard' or c.redirect_uri = ${p.redirect_uri})
            and (c.dpop_jkt is null or c.dpop_jkt is not distinct from ${p.dpop_jkt}) and ${fitsResource('c.resource', p)}
            and c.wrong_verifiers < ${sql.lit(MAX_WRONG_VERIFIERS)}
            and c.spent_at is null and c.expires_at > ${p.now}
          returning c.user_id, c.credential_id, c.client_id, c.auth_provider_type, c.auth_provider_id, c.auth_time, c.amr,
            c.profile, c.scope, c.resource, c.nonce, c.claims, c.sid, holder.is_active, holder.local_only,
            (c.sid is null or exists (select from sessions s where s.sid = c.sid and s.expires_at > ${p.now})) as is_in_session
        ), granted as (
          insert into refresh_tokens (id, user_id, credential_id, auth_provider_type, auth_provider_id, token_type, client_id, token_hash,
            access_token_expiration, idle_lifetime, expires_at, created_at, auth_time, amr, last_used_at, last_used_ip,
            profile, scope, resource, claims, sid, dpop_jkt, seed)
          select ${p.refresh_token_id}, user_id, credential_id, auth_provider_type, auth_provider_id, 'normal', client_id, ${p.token_hash},
            ${p.access_token_expiration}, ${p.idle_lifetime}, ${p.expires_at}, ${p.now}, auth_time, amr, ${p.now}, ${p.remote_address},
            profile, scope, resource, claims, sid, ${p.refresh_jkt}, ${p.seed}
          from spent
          where is_active and (not local_only or ${p.remote_is_local}) and is_in_session
            and auth_provider_type || ':' || coalesce(auth_provider_id, '') = any(${p.providers})
            and ${isInAllowedGroup('spent.user_id', p)} and ${isConsented('spent.user_id', 'spent.client_id', p)}
          returning id
        )
        select user_id, granted.id as refresh_token_id, is_active, local_only, is_in_session, auth_provider_type, auth_provider_id, auth_time, amr,
          scope, resource, nonce, claims, sid
        from spent left join granted on true`,
      ({ code_hash }) => code_hash.toString('hex'),
    ),

    /**
     * Why `redeem` found nothing. A separate statement, which sees what a parallel one committed.
     */
    async explainMiss(proof: Proof, now: Date): Promise<RedemptionFailure> {
      const code = await kysely
        .selectFrom('authorization_codes')
        .select(['user_id', 'code_challenge', 'redirect_uri', 'dpop_jkt', 'spent_at', 'expires_at', 'wrong_verifiers'])
        .select('purpose')
        .select(fitsResource('resource', proof).as('fits_resource'))
        .select(isIdentityLinked(now).as('is_linked'))
        .where('code_hash', '=', proof.code_hash)
        .where('client_id', '=', proof.client_id)
        .where('profile', '=', proof.profile)
        .executeTakeFirst();
      if (!code) return { reason: 'unknown', user_id: null };
      if (code.purpose === 'link_user') return { reason: code.is_linked ? 'linked' : 'unknown', user_id: null };
      return { reason: missReason(code, proof, now), user_id: code.user_id };
    },

    /** Revokes the grant of a code; null if there is none. */
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

    /**
     * Counts a wrong verifier of an unused code; the last one invalidates it. Returns the count.
     */
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

/** Of an unused, unexpired code. */
function isIdentityLinked(now: Date) {
  return sql<boolean>`spent_at is null and expires_at > ${now} and exists (
    select from credentials k where k.auth_provider_type = authorization_codes.auth_provider_type
      and coalesce(k.auth_provider_id, '') = coalesce(authorization_codes.auth_provider_id, '')
      and k.subject = authorization_codes.identity ->> 'subject')`;
}

type Judged = Pick<Schema['authorization_codes'], 'code_challenge' | 'redirect_uri' | 'dpop_jkt' | 'spent_at' | 'expires_at'> & {
  wrong_verifiers: number;
  fits_resource: boolean;
};

function missReason(code: Judged, proof: Proof, now: Date): RedemptionFailure['reason'] {
  const wrong = wrongProof(code, proof);
  if (wrong !== null) return wrong;
  if (code.spent_at) return 'replayed';
  if (code.expires_at <= now) return 'expired';
  return code.wrong_verifiers >= MAX_WRONG_VERIFIERS ? 'killed' : 'unknown';
}

function wrongProof(code: Judged, { profile, code_challenge, redirect_uri, dpop_jkt }: Proof): WrongProof | null {
  if (code.code_challenge !== code_challenge) {
    if (code_challenge === null) return 'verifier_missing';
    return code.code_challenge === null ? 'verifier_unexpected' : 'verifier_wrong';
  }
  // Without PKCE, naming the redirect URI again is required (RFC 6749 section 4.1.3).
  const needs_redirect_uri = profile === 'standard' && code.code_challenge === null;
  if ((redirect_uri !== null || needs_redirect_uri) && code.redirect_uri !== redirect_uri) return 'redirect_uri';
  if (code.dpop_jkt !== null && code.dpop_jkt !== dpop_jkt) return 'other_key';
  return code.fits_resource ? null : 'resource';
}
