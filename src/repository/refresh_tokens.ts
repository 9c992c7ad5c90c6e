// Grants, one row each (Home Assistant's refresh tokens). No read selects the secret's hash.
// Expired and idle grants are never found, whether or not they have been deleted.
import { type Expression, type Insertable, type Kysely, sql } from 'kysely';
import type { RefreshToken, TokenType } from '../domain/token.ts';
import { ADMIN_GROUP } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { isNotRevoked } from './revoked_access_tokens.ts';
import { groupIdsColumn, PROFILE_COLUMNS } from './user_facts.ts';
import { usernameColumn } from './usernames.ts';

export type RefreshTokenRepository = ReturnType<typeof createRefreshTokenRepository>;

type Row = Insertable<Schema['refresh_tokens']>;
/** Columns of standard and of imported grants, inserted elsewhere. */
type InsertedElsewhere =
  | 'profile'
  | 'scope'
  | 'resource'
  | 'claims'
  | 'sid'
  | 'dpop_jkt'
  | 'seed'
  | 'generation'
  | 'rotated_at'
  | 'jwt_key';
export type NewRefreshToken = Required<Omit<Row, InsertedElsewhere>>;

/** The result of creating a grant (HA contract 2.4). */
export type GrantCreation = 'created' | 'unknown_user' | 'inactive_user' | 'wrong_token_type' | 'name_in_use';

/** A use of a grant: time and address. */
export interface TokenUse {
  id: string;
  at: Date;
  remote_address: string;
}

const COLUMNS = [
  'id',
  'user_id',
  'credential_id',
  'auth_provider_type',
  'auth_provider_id',
  'token_type',
  'client_id',
  'client_name',
  'client_icon',
  'access_token_expiration',
  'idle_lifetime',
  'expires_at',
  'created_at',
  'auth_time',
  'amr',
  'last_used_at',
  'last_used_ip',
] as const satisfies (keyof RefreshToken)[];

const INSERTED = [...COLUMNS, 'token_hash'] as const;

export function createRefreshTokenRepository(database: Database) {
  const { kysely } = database;
  return {
    /** The valid grant with this secret, and what decides whether its user may use it. */
    findBySecret: database.prepareBatched('refresh_tokens_find_by_secret', (kysely, p: { token_hash: Buffer; now: Date }) =>
      kysely
        .selectFrom('refresh_tokens as r')
        .innerJoin('users as u', 'u.id', 'r.user_id')
        .select(['r.id', 'r.user_id', 'r.client_id', 'r.auth_provider_type', 'r.auth_provider_id'])
        .select(['r.access_token_expiration', 'r.auth_time', 'r.amr', 'u.is_active', 'u.local_only'])
        .where('r.token_hash', '=', p.token_hash)
        .where(isValid(p.now)),
    ),

    /**
     * The valid grant of an access token, its user, and whether the user is an administrator by
     * group.
     */
    findForBearer: database.prepareBatched('refresh_tokens_find_for_bearer', forBearer),

    /** The same with the user's claims, the requested claims, and how the client wants them. */
    findForUserinfo: database.prepareBatched('refresh_tokens_find_for_userinfo', (kysely, p: Borne) =>
      forBearer(kysely, p)
        .leftJoin('clients as c', 'c.client_id', 'r.client_id')
        .select(['r.claims', 'u.created_at', 'c.userinfo_signed_response_alg', 'c.claims as custom_claims', ...PROFILE_COLUMNS])
        .select([usernameColumn('u').as('username'), groupIdsColumn().as('group_ids')]),
    ),

    /** An imported grant's user, and its sealed key if it is a long-lived one. */
    findJwtKey: database.prepareBatched('refresh_tokens_find_jwt_key', (kysely, p: { id: string }) =>
      kysely.selectFrom('refresh_tokens').select(['user_id', 'jwt_key']).where('id', '=', p.id),
    ),

    /**
     * Creates a grant if its user is active and of the right kind, and has no long-lived one of
     * that name.
     */
    async create(token: NewRefreshToken): Promise<GrantCreation> {
      const [found] = await kysely
        .with('holder', (db) =>
          db.selectFrom('users').select(['id', 'is_active', 'system_generated']).where('id', '=', token.user_id).forKeyShare(),
        )
        .with('created', (db) =>
          db
            .insertInto('refresh_tokens')
            .columns(INSERTED)
            .expression(
              db
                .selectFrom('holder')
                .select(INSERTED.map((column) => sql.val(token[column]).as(column)))
                .where('is_active', '=', true)
                .where('system_generated', '=', token.token_type === 'system'),
            )
            .onConflict((oc) =>
              oc.columns(['user_id', 'client_name']).where('token_type', '=', sql.lit('long_lived_access_token')).doNothing(),
            )
            .returning('id'),
        )
        .selectFrom('holder')
        .leftJoin('created', (join) => join.onTrue())
        .select(['holder.is_active', 'holder.system_generated', 'created.id'])
        .execute();
      if (!found) return 'unknown_user';
      if (found.id !== null) return 'created';
      if (!found.is_active) return 'inactive_user';
      return found.system_generated === (token.token_type === 'system') ? 'name_in_use' : 'wrong_token_type';
    },

    /** A user's valid grants, oldest first, at most `limit` after the given one. */
    async list(request: { user_id: string; now: Date; limit: number; after: { created_at: Date; id: string } | null }) {
      const { user_id, now, limit, after } = request;
      return await kysely
        .selectFrom('refresh_tokens as r')
        .select(COLUMNS)
        .where('user_id', '=', user_id)
        .where(isValid(now))
        .$if(after !== null, (query) => query.where(sql<boolean>`(created_at, id) > (${after?.created_at}, ${after?.id})`))
        .orderBy('created_at')
        .orderBy('id')
        .limit(limit)
        .execute();
    },

    /** A valid grant of a user. */
    async find({ user_id, id, now }: { user_id: string; id: string; now: Date }) {
      const query = kysely.selectFrom('refresh_tokens as r').select(COLUMNS).where('user_id', '=', user_id).where('id', '=', id);
      return await query.where(isValid(now)).executeTakeFirst();
    },

    /** Those of the grants that are valid, and what decides whether their users may use them. */
    async findValid({ ids, now }: { ids: readonly string[]; now: Date }) {
      return await kysely
        .selectFrom('refresh_tokens as r')
        .innerJoin('users as u', 'u.id', 'r.user_id')
        .select(['r.id', 'u.is_active', 'u.local_only'])
        .where(sql<boolean>`r.id = any(${ids})`)
        .where(isValid(now))
        .where(hasActiveClient())
        .execute();
    },

    /** Revokes the grant with this secret, and its access tokens. */
    async revokeBySecret(token_hash: Buffer) {
      const query = kysely.deleteFrom('refresh_tokens').where('token_hash', '=', token_hash);
      return await query.returning(['id', 'user_id', 'client_id', 'token_type']).executeTakeFirst();
    },

    /** Revokes a grant of a user; undefined if there is none. */
    async revoke({ user_id, id }: { user_id: string; id: string }) {
      const query = kysely.deleteFrom('refresh_tokens').where('user_id', '=', user_id).where('id', '=', id);
      return await query.returning(['id', 'user_id', 'client_id', 'token_type']).executeTakeFirst();
    },

    /** Revokes a user's grants, optionally of one type, or all but one. */
    async revokeAll(
      { user_id, token_type, except_id }: { user_id: string; token_type: TokenType | null; except_id: string | null },
      trx = kysely,
    ) {
      return await trx
        .deleteFrom('refresh_tokens')
        .where('user_id', '=', user_id)
        .$if(token_type !== null, (query) => query.where('token_type', '=', token_type))
        .$if(except_id !== null, (query) => query.where('id', '<>', except_id))
        .returning(['id', 'user_id', 'client_id', 'token_type'])
        .execute();
    },

    /**
     * Switches a grant's idle expiry off (null) or on; an existing idle lifetime stays (HA contract
     * 8.5).
     */
    async setIdleLifetime({ user_id, id, idle_lifetime }: { user_id: string; id: string; idle_lifetime: number | null }) {
      return await kysely
        .updateTable('refresh_tokens')
        .set((eb) => ({ idle_lifetime: idle_lifetime === null ? null : eb.fn.coalesce('idle_lifetime', eb.val(idle_lifetime)) }))
        .where('user_id', '=', user_id)
        .where('id', '=', id)
        .returning(COLUMNS)
        .executeTakeFirst();
    },

    /** Records the last use of many grants; never replaces a newer one. */
    async noteUses(uses: readonly TokenUse[]): Promise<void> {
      const ids = uses.map((use) => use.id);
      // Rows are locked in the order of ids, so that replicas do not deadlock.
      await sql`
        with locked as (select id from refresh_tokens where id = any(${ids}) order by id for no key update)
        update refresh_tokens r
        set last_used_at = greatest(r.last_used_at, used.at),
            last_used_ip = case when r.last_used_at > used.at then r.last_used_ip else used.ip end
        from locked join unnest(${ids}::text[], ${uses.map((use) => use.at)}::timestamptz[], ${uses.map((use) => use.remote_address)}::text[])
          as used (id, at, ip) using (id)
        where r.id = locked.id`.execute(kysely);
    },
  };
}

/** An access token: its grant and its `jti`. */
interface Borne {
  id: string;
  jti: string;
  now: Date;
}

function forBearer(kysely: Kysely<Schema>, p: Borne) {
  return kysely
    .selectFrom('refresh_tokens as r')
    .innerJoin('users as u', 'u.id', 'r.user_id')
    .select(['r.user_id', 'r.token_type', 'r.client_id', 'r.auth_time', 'r.amr', 'r.auth_provider_type', 'r.auth_provider_id', 'r.profile'])
    .select(['u.name', 'u.is_owner', 'u.is_active', 'u.local_only', 'u.system_generated'])
    .select(isInAdminGroup().as('is_in_admin_group'))
    .where('r.id', '=', p.id)
    .where(isValid(p.now))
    .where(isNotRevoked(p.jti))
    .where(hasActiveClient());
}

/** Neither expired nor idle for too long. For the rows of a table named `r`. */
export function isValid(now: Date): Expression<boolean> {
  return sql<boolean>`(r.expires_at is null or r.expires_at > ${now})
    and (r.idle_lifetime is null or coalesce(r.last_used_at, r.created_at) + r.idle_lifetime * interval '1 second' > ${now})`;
}

/** Groups removed from the configuration do not count. For the rows of a table named `u`. */
function isInAdminGroup() {
  return sql<boolean>`exists (select from user_groups ug join groups g on g.id = ug.group_id
    where ug.user_id = u.id and ug.group_id = ${sql.lit(ADMIN_GROUP)} and g.is_enabled)`;
}

/** Grants of a removed or disabled client are invalid. For the rows of a table named `r`. */
export function hasActiveClient() {
  return sql<boolean>`(r.profile = 'home_assistant' or r.client_id ~* '^https?:'
    or exists (select from clients k where k.client_id = r.client_id and k.is_enabled))`;
}
