// Rotates refresh tokens: one statement verifies the MAC and everything that decides whether the
// user may have tokens, and advances the generation. A second use within the grace period gets the
// same successor. The seed leaves the database only here.
import { type Expression, sql } from 'kysely';
import type { JsonObject } from '../domain/json.ts';
import type { Database } from '../postgres/database.ts';
import { type ClientRights, fitsResource, isConsented, isInAllowedGroup } from './client_rights.ts';
import { isValid } from './refresh_tokens.ts';

export type RefreshTokenRotationRepository = ReturnType<typeof createRefreshTokenRotationRepository>;

/** A presented rotating token: its claims, and what proves it (RFC 2104). */
export interface PresentedToken {
  id: string;
  generation: number;
  /** The message of the MAC, without the seed. */
  message: Buffer;
  mac_hash: Buffer;
  /** Of the current and earlier keys. */
  inner_pads: Buffer[];
  outer_pads: Buffer[];
}

/** A refresh: client, request, and what decides whether it is allowed. */
export interface RotationRequest extends PresentedToken, ClientRights {
  client_id: string;
  now: Date;
  /** Seconds after its first use in which a token returns the same successor. */
  grace: number;
  remote_address: string;
  /** Whether users restricted to the local network may use this address. */
  remote_is_local: boolean;
  /** `providerKeyText` of every provider that accepts the address. */
  providers: readonly string[];
  /** Requested; null: all that was granted. */
  scope: readonly string[] | null;
  resource: readonly string[] | null;
  /** This server: the resource of a grant that names none. */
  own_resource: string;
  /**
   * The token stays the same, for clients that are bound by another proof (FAPI 2.0 section
   * 5.3.2.1).
   */
  keeps: boolean;
  dpop_jkt: string | null;
}

/** The rotated grant. */
export interface Rotated {
  user_id: string;
  generation: number;
  seed: Buffer;
  access_token_expiration: number;
  auth_time: Date;
  amr: string[];
  scope: string[];
  resource: string[];
  claims: JsonObject | null;
  sid: string | null;
}

/** Why nothing was rotated. Wrong proofs come first, so that they reveal nothing. */
export type RotationFailure =
  | { reason: 'unknown'; user_id: null }
  | { reason: 'other_client' | 'other_key' | 'expired' | 'replayed' | 'refused_user' | 'scope' | 'resource' | 'raced'; user_id: string };

export function createRefreshTokenRotationRepository(database: Database) {
  const { kysely } = database;

  const explain = database.prepare(
    'refresh_tokens_explain_rotation',
    (_, p: RotationRequest) => sql<Judged>`
      select r.user_id, r.client_id = ${p.client_id} as is_clients, ${holdsKey(p)} as holds_key, ${isValid(p.now)} as is_alive,
        r.generation > ${p.generation} and not ${isUsable(p)} as is_replayed, ${mayHaveTokens(p)} as may_have_tokens,
        ${fitsScope(p)} as fits_scope, ${fitsResource('r.resource', p)} as fits_resource
      from refresh_tokens r join users u on u.id = r.user_id
      where ${isGenuine(p)}`,
  );

  return {
    /** Rotates the token if all conditions hold. */
    rotate: database.prepareBatched(
      'refresh_tokens_rotate',
      (_, p: RotationRequest) => sql<Rotated>`
        update refresh_tokens r set
          generation = case when ${p.keeps} then r.generation else ${p.generation} + 1 end,
          rotated_at = case when r.generation = ${p.generation} and not ${p.keeps} then ${p.now} else r.rotated_at end,
          last_used_at = greatest(r.last_used_at, ${p.now}),
          last_used_ip = ${p.remote_address}
        from users u
        where ${isGenuine(p)} and u.id = r.user_id and r.client_id = ${p.client_id} and ${holdsKey(p)} and ${isValid(p.now)}
          and ${isUsable(p)} and ${mayHaveTokens(p)} and ${fitsScope(p)} and ${fitsResource('r.resource', p)}
        returning r.user_id, r.generation, r.seed, r.access_token_expiration, r.auth_time, r.amr, r.scope, r.resource, r.claims, r.sid`,
      ({ id }) => id,
    ),

    /**
     * Why `rotate` found nothing. A separate statement, which sees what a parallel one committed.
     */
    async explainMiss(rotation: RotationRequest): Promise<RotationFailure> {
      const [judged] = await explain(rotation);
      return judged ? { reason: missReason(judged), user_id: judged.user_id } : { reason: 'unknown', user_id: null };
    },

    /** Revokes a grant because an older generation was replayed; false if it is gone. */
    async revokeReplayed({ id, generation }: Pick<PresentedToken, 'id' | 'generation'>): Promise<boolean> {
      const query = kysely.deleteFrom('refresh_tokens').where('id', '=', id).where('generation', '>', generation);
      return (await query.returning('id').executeTakeFirst()) !== undefined;
    },

    /** The valid grant that this token refreshes, if it is the client's and its user is active. */
    find: database.prepareBatched(
      'refresh_tokens_find_rotating',
      (_, p: PresentedToken & Pick<RotationRequest, 'client_id' | 'now' | 'grace'>) => sql<RotatingGrant>`
        select r.user_id, r.scope, r.created_at, r.expires_at from refresh_tokens r join users u on u.id = r.user_id
        where ${isGenuine(p)} and r.client_id = ${p.client_id} and ${isValid(p.now)} and ${isUsable(p)} and u.is_active`,
    ),

    /** Revokes the grant of this token, of any generation, if it is the client's. */
    revoke: database.prepare(
      'refresh_tokens_revoke_rotating',
      (_, p: PresentedToken & { client_id: string }) => sql<{ id: string; user_id: string; client_id: string; is_clients: boolean }>`
        with presented as (select r.id, r.user_id, r.client_id from refresh_tokens r where ${isGenuine(p)}),
        revoked as (delete from refresh_tokens d using presented where d.id = presented.id and d.client_id = ${p.client_id})
        select id, user_id, client_id, client_id = ${p.client_id} as is_clients from presented`,
    ),
  };
}

/** What the holder of a refresh token may learn about its grant. */
export interface RotatingGrant {
  user_id: string;
  scope: string[];
  created_at: Date;
  expires_at: Date | null;
}

interface Judged {
  user_id: string;
  is_clients: boolean;
  holds_key: boolean;
  is_alive: boolean;
  is_replayed: boolean;
  may_have_tokens: boolean;
  fits_scope: boolean;
  fits_resource: boolean;
}

function missReason(judged: Judged): Exclude<RotationFailure['reason'], 'unknown'> {
  if (!judged.is_clients) return 'other_client';
  if (!judged.holds_key) return 'other_key';
  // Before the replay check: an expired grant needs no revocation.
  if (!judged.is_alive) return 'expired';
  if (judged.is_replayed) return 'replayed';
  if (!judged.may_have_tokens) return 'refused_user';
  if (!judged.fits_scope) return 'scope';
  return judged.fits_resource ? 'raced' : 'resource';
}

/** The MAC is valid with a current or earlier key: HMAC-SHA-256 of message and seed. */
function isGenuine(p: PresentedToken): Expression<boolean> {
  return sql<boolean>`r.id = ${p.id} and exists (
    select from unnest(${p.inner_pads}::bytea[], ${p.outer_pads}::bytea[]) as k (inner_pad, outer_pad)
    where sha256(sha256(k.outer_pad || sha256(k.inner_pad || ${p.message}::bytea || r.seed))) = ${p.mac_hash})`;
}

/**
 * The current generation, or the previous one within the grace period. Without a grace period, only
 * the current one.
 */
function isUsable(p: Pick<RotationRequest, 'generation' | 'grace' | 'now'>): Expression<boolean> {
  return sql<boolean>`(r.generation = ${p.generation} or (r.generation = ${p.generation} + 1 and ${p.grace} > 0
    and r.rotated_at + ${p.grace} * interval '1 second' > ${p.now}))`;
}

function holdsKey({ dpop_jkt }: RotationRequest): Expression<boolean> {
  return sql<boolean>`(r.dpop_jkt is null or r.dpop_jkt is not distinct from ${dpop_jkt})`;
}

function mayHaveTokens(p: RotationRequest): Expression<boolean> {
  return sql<boolean>`(u.is_active and (not u.local_only or ${p.remote_is_local})
    and (r.auth_provider_type is null or r.auth_provider_type || ':' || coalesce(r.auth_provider_id, '') = any(${p.providers}))
    and ${isInAllowedGroup('r.user_id', p)} and ${isConsented('r.user_id', 'r.client_id', p)})`;
}

function fitsScope({ scope }: RotationRequest): Expression<boolean> {
  return sql<boolean>`(${scope}::text[] is null or ${scope}::text[] <@ r.scope)`;
}
