// Device codes (RFC 8628): stored as hashes, found through the user code, claimed by the session
// that opens them, answered once, and redeemed by one statement that also creates the grant.
import { sql } from 'kysely';
import type { CodeRelease } from '../domain/code_release.ts';
import type { RowQuota } from '../domain/row_quota.ts';
import type { Database } from '../postgres/database.ts';
import { type ClientRights, isConsented, isInAllowedGroup } from './client_rights.ts';
import { mergedWithExisting } from './consents.ts';
import { createRowLimit } from './row_limits.ts';

export type DeviceCodeRepository = ReturnType<typeof createDeviceCodeRepository>;

export interface NewDeviceCode {
  device_code_hash: Buffer;
  user_code: string;
  client_id: string;
  scope: string[];
  resource: string[];
  max_age: number | null;
  acr_values: string[];
  poll_interval: number;
  created_at: Date;
  expires_at: Date;
}

/** The answering session. */
interface Answering {
  user_code: string;
  sid: string;
  now: Date;
}

/** The login passed on to the device by an approval. */
export interface Approval extends Answering, Pick<ClientRights, 'allowed_group_ids'> {
  user_id: string;
  credential_id: string;
  auth_provider_type: string;
  auth_provider_id: string | null;
  auth_time: Date;
  amr: string[];
}

/** A code that a session may answer. */
export interface ClaimedCode extends Pick<NewDeviceCode, 'client_id' | 'scope' | 'resource' | 'max_age' | 'acr_values'> {
  /** Whether this session claimed it. */
  is_claimed: boolean;
}

/** What a device presents. */
export interface PresentedDeviceCode {
  device_code_hash: Buffer;
  client_id: string;
  now: Date;
}

/** What decides whether the approving user may have tokens, and the grant to create. */
export interface DeviceRedemption extends PresentedDeviceCode, ClientRights {
  remote_address: string;
  /** Whether users restricted to the local network may use this address. */
  remote_is_local: boolean;
  /** `providerKeyText` of every provider that accepts the address. */
  providers: readonly string[];
  refresh_token_id: string;
  seed: Buffer | null;
  /** The key that every refresh must prove. */
  refresh_jkt: string | null;
  access_token_expiration: number;
  idle_lifetime: number | null;
  grant_expires_at: Date | null;
}

/** The redeemed code; without a `refresh_token_id` no grant was created. */
export interface RedeemedDeviceCode {
  user_id: string;
  refresh_token_id: string | null;
  auth_time: Date;
  amr: string[];
  scope: string[];
  resource: string[];
}

/** Tolerated seconds by which a poll may be early. */
const JITTER = 0.5;
/** RFC 8628 section 3.5 */
const SLOWER_BY = 5;

export function createDeviceCodeRepository(database: Database) {
  const { kysely } = database;
  const limit = createRowLimit(database, 'device_codes');

  const poll = database.prepare(
    'device_codes_poll',
    (_, p: PresentedDeviceCode) => sql<{ is_early: boolean }>`
      with polled as (
        select device_code_hash, coalesce(last_polled_at + (poll_interval - ${sql.lit(JITTER)}) * interval '1 second' > ${p.now}, false) as is_early
        from device_codes
        where device_code_hash = ${p.device_code_hash} and client_id = ${p.client_id} and status = 'pending' and expires_at > ${p.now}
        for no key update
      )
      update device_codes d set
        last_polled_at = greatest(d.last_polled_at, ${p.now}),
        poll_interval = d.poll_interval + case when polled.is_early then ${sql.lit(SLOWER_BY)} else 0 end
      from polled where d.device_code_hash = polled.device_code_hash
      returning polled.is_early`,
  );

  return {
    /** Stores a code; false if its user code is taken, or its network has too many rows. */
    async store(code: NewDeviceCode, quota: RowQuota): Promise<boolean> {
      await limit.makeRoom();
      const { numAffectedRows } = await sql`
        insert into device_codes (device_code_hash, user_code, client_id, scope, resource, max_age, acr_values, poll_interval, remote_address,
          created_at, expires_at)
        select ${code.device_code_hash}, ${code.user_code}, ${code.client_id}, ${code.scope}::text[], ${code.resource}::text[],
          ${code.max_age}::integer, ${code.acr_values}::text[], ${code.poll_interval}::integer, ${quota.network},
          ${code.created_at}::timestamptz, ${code.expires_at}::timestamptz
        where ${limit.admits(quota, code.created_at)}
        on conflict (user_code) do nothing`.execute(kysely);
      return Number(numAffectedRows ?? 0) > 0;
    },

    /** Claims a code for a session on first use, unless another person has claimed it. */
    async claim({ user_code, sid, user_id, now }: Answering & { user_id: string }): Promise<ClaimedCode | undefined> {
      const { rows } = await sql<ClaimedCode>`
        with found as (
          select device_code_hash, client_id, scope, resource, max_age, acr_values,
            (claimed_sid is null or claimed_sid = ${sid} or not exists (
              select from sessions s where s.sid = claimed_sid and s.user_id <> ${user_id})) as is_claimed
          from device_codes where user_code = ${user_code} and status = 'pending' and expires_at > ${now} for no key update
        ), claimed as (
          update device_codes d set claimed_sid = ${sid} from found
          where d.device_code_hash = found.device_code_hash and found.is_claimed
        )
        select client_id, scope, resource, max_age, acr_values, is_claimed from found`.execute(kysely);
      return rows[0];
    },

    /** A pending code, claimed or not. */
    async find({ user_code, sid, now }: Answering): Promise<ClaimedCode | undefined> {
      return await kysely
        .selectFrom('device_codes')
        .select(['client_id', 'scope', 'resource', 'max_age', 'acr_values'])
        .select(sql<boolean>`claimed_sid is not distinct from ${sid}`.as('is_claimed'))
        .where('user_code', '=', user_code)
        .where('status', '=', 'pending')
        .where('expires_at', '>', now)
        .executeTakeFirst();
    },

    /**
     * Approves; false if the code is not the session's to answer, or the person may not use the
     * client.
     */
    async approve(approval: Approval, _release: CodeRelease): Promise<boolean> {
      const { user_code, sid, now, allowed_group_ids, ...login } = approval;
      const approved = await kysely
        .with('approved', (db) =>
          db
            .updateTable('device_codes as d')
            .from('users as u')
            .set({ status: 'approved', ...login })
            .where('u.id', '=', login.user_id)
            .where('d.user_code', '=', user_code)
            .where('d.claimed_sid', '=', sid)
            .where('d.status', '=', 'pending')
            .where('d.expires_at', '>', now)
            .where(isInAllowedGroup('u.id', { allowed_group_ids }))
            .returning(['d.client_id', 'd.scope', 'd.resource']),
        )
        // In the same statement: a poll must not find an approval without its consent.
        .with('consented', (db) =>
          db
            .insertInto('consents')
            .columns(['user_id', 'client_id', 'scope', 'resources', 'redirect_uris', 'granted_at'])
            .expression(
              db
                .selectFrom('approved')
                .select([sql.val(login.user_id).as('user_id'), 'client_id', 'scope', 'resource as resources'])
                .select([sql<string[]>`'{}'::text[]`.as('redirect_uris'), sql.val(now).as('granted_at')]),
            )
            .onConflict((conflict) => conflict.columns(['user_id', 'client_id']).doUpdateSet(mergedWithExisting(now))),
        )
        .selectFrom('approved')
        .select('client_id')
        .executeTakeFirst();
      return approved !== undefined;
    },

    /** Denies; false if the code is not the session's to answer. */
    async deny({ user_code, sid, now }: Answering): Promise<boolean> {
      const denied = await kysely
        .updateTable('device_codes')
        .set({ status: 'denied' })
        .where('user_code', '=', user_code)
        .where('claimed_sid', '=', sid)
        .where('status', '=', 'pending')
        .where('expires_at', '>', now)
        .returning('client_id')
        .executeTakeFirst();
      return denied !== undefined;
    },

    /**
     * The result of a poll for a pending code: in time or early, which increases the interval;
     * undefined for other codes.
     */
    async poll(presented: PresentedDeviceCode): Promise<'in_time' | 'early' | undefined> {
      const [polled] = await poll(presented);
      if (!polled) return undefined;
      return polled.is_early ? 'early' : 'in_time';
    },

    /**
     * Redeems an approved code and creates its grant in one statement, so a second attempt finds
     * nothing.
     */
    // Locks the user's row before the code's, in the order that deleting a user does.
    redeem: database.prepare(
      'device_codes_redeem',
      (_, p: DeviceRedemption) => sql<RedeemedDeviceCode>`
        with holder as (
          select u.id, u.is_active, u.local_only from device_codes c join users u on u.id = c.user_id
          where c.device_code_hash = ${p.device_code_hash} for key share of u
        ), spent as (
          update device_codes c set status = 'spent', refresh_token_id = ${p.refresh_token_id}
          from holder
          where c.device_code_hash = ${p.device_code_hash} and c.user_id = holder.id and c.client_id = ${p.client_id}
            and c.status = 'approved' and c.expires_at > ${p.now}
          returning c.user_id, c.credential_id, c.client_id, c.auth_provider_type, c.auth_provider_id, c.auth_time, c.amr, c.scope, c.resource,
            holder.is_active, holder.local_only
        ), granted as (
          insert into refresh_tokens (id, user_id, credential_id, auth_provider_type, auth_provider_id, token_type, client_id,
            access_token_expiration, idle_lifetime, expires_at, created_at, auth_time, amr, last_used_at, last_used_ip,
            profile, scope, resource, dpop_jkt, seed)
          select ${p.refresh_token_id}, user_id, credential_id, auth_provider_type, auth_provider_id, 'normal', client_id,
            ${p.access_token_expiration}, ${p.idle_lifetime}, ${p.grant_expires_at}, ${p.now}, auth_time, amr, ${p.now}, ${p.remote_address},
            'standard', scope, resource, ${p.refresh_jkt}, ${p.seed}
          from spent
          where is_active and (not local_only or ${p.remote_is_local})
            and auth_provider_type || ':' || coalesce(auth_provider_id, '') = any(${p.providers})
            and ${isInAllowedGroup('spent.user_id', p)} and ${isConsented('spent.user_id', 'spent.client_id', p)}
          returning id
        )
        select user_id, granted.id as refresh_token_id, auth_time, amr, scope, resource from spent left join granted on true`,
    ),

    /** Why nothing was redeemed. A separate statement, which sees what a parallel one committed. */
    async explainMiss({ device_code_hash, client_id, now }: PresentedDeviceCode): Promise<'unknown' | 'expired' | 'denied' | 'spent'> {
      const code = await kysely
        .selectFrom('device_codes')
        .select(['status', 'expires_at'])
        .where('device_code_hash', '=', device_code_hash)
        .where('client_id', '=', client_id)
        .executeTakeFirst();
      if (!code) return 'unknown';
      if (code.status === 'denied' || code.status === 'spent') return code.status;
      return code.expires_at <= now ? 'expired' : 'unknown';
    },
  };
}
