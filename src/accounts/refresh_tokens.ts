// A user's grants: listed, revoked, their idle expiry switched, and those created without a login
// (HA contract 2.4, 8.5 and 11.3).
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { buildPage, type Page, type PageRequest, pageSize, readCursor } from '../domain/pagination.ts';
import { randomId } from '../domain/secret.ts';
import { HOME_ASSISTANT, type RefreshToken, type TokenType } from '../domain/token.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { RefreshTokenRepository as RefreshTokenRows } from '../repository/refresh_tokens.ts';
import type { UserRepository } from '../repository/users.ts';
import type { Caller } from '../tokens/bearer.ts';
import type { GrantDeps } from '../tokens/grant.ts';
import type { Issuer } from '../tokens/issuer.ts';
import type { Keyring } from '../tokens/keyring.ts';
import { type Actor, auditActor } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';
import { requireName } from './names.ts';
import { type GrantRequestRules, grantedType, inactiveUser, wrongTokenType } from './refresh_token_rules.ts';
import type { SignOut } from './sign_out.ts';

const DAY = 86_400;
const MAX_LIFESPAN_DAYS = 3650;
const MAX_ICON_LENGTH = 256;
/** The idle lifetime that switching it on sets if none is configured (HA contract 8.5). */
const DEFAULT_IDLE_LIFETIME = 90 * DAY;

export interface RefreshTokensDeps {
  database: Pick<Database, 'transaction'>;
  refreshTokens: Pick<RefreshTokenRows, 'list' | 'find' | 'create' | 'revoke' | 'setIdleLifetime'>;
  users: Pick<UserRepository, 'find' | 'lock'>;
  signOut: SignOut;
  freshLogin: FreshLogin;
  issuer: Issuer;
  keyring: Pick<Keyring, 'keep'>;
  audit: Pick<AuditEvents, 'record'>;
  clock: Clock;
  lifetimes: GrantDeps['lifetimes'];
}

/** A grant in listings. */
export interface RefreshTokenItem
  extends Pick<RefreshToken, 'id' | 'client_id' | 'client_name' | 'client_icon' | 'created_at' | 'last_used_at' | 'last_used_ip'> {
  type: TokenType;
  /** When it expires if unused; a long-lived one ends with its access token regardless. */
  expire_at: Date | null;
  /** Whether the caller's access token belongs to it. */
  is_current: boolean;
  auth_provider_type: string | null;
  auth_provider_id: string | null;
}

export interface NewGrant extends GrantRequestRules {
  client_icon?: string | null | undefined;
  /** In seconds; default: the configured lifetime. */
  access_token_expiration?: number;
  expires_at?: Date;
  /** Counts as used on creation. */
  is_used?: boolean;
  /** Hash of the refresh token, if one is issued. */
  token_hash?: Buffer;
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>;

export function createRefreshTokens(deps: RefreshTokensDeps) {
  const { database, refreshTokens, users, signOut, freshLogin, issuer, keyring, audit, clock, lifetimes } = deps;
  const note = (
    type: 'created' | 'revoked' | 'expiry_changed',
    actor: Actor,
    target_user_id: string,
    detail: Record<string, string | boolean | null>,
  ) => audit.record({ type: `refresh_token.${type}`, ...auditActor(actor), target_user_id, detail });

  /** Creates a grant by the rules; throws if the user may not have it. */
  async function create(user_id: string, wanted: NewGrant, actor: Actor): Promise<RefreshToken> {
    const user = await users.find(user_id);
    if (!user) throw new AuthError('not_found', 'User not found');
    const token_type = grantedType(user, wanted);
    const { client_id = null, client_name = null, client_icon = null, token_hash = null, is_used = false } = wanted;
    const now = clock();
    const grant: RefreshToken = {
      id: randomId(),
      user_id,
      ...{ credential_id: null, auth_provider_type: null, auth_provider_id: null },
      ...{ token_type, client_id, client_name, client_icon },
      access_token_expiration: wanted.access_token_expiration ?? lifetimes.access_token,
      idle_lifetime: token_type === 'normal' ? lifetimes.refresh_token_idle : null,
      expires_at: wanted.expires_at ?? (token_type === 'normal' ? endOf(now, lifetimes.refresh_token) : null),
      ...{ created_at: now, auth_time: now, amr: [], last_used_at: is_used ? now : null, last_used_ip: null },
    };
    const outcome = await refreshTokens.create({ ...grant, token_hash });
    if (outcome === 'name_in_use') throw new AuthError('name_in_use', `${client_name} already exists`);
    if (outcome === 'inactive_user') throw inactiveUser();
    if (outcome === 'wrong_token_type') throw wrongTokenType();
    if (outcome === 'unknown_user') throw new AuthError('not_found', 'User not found');
    note('created', actor, user_id, { refresh_token_id: grant.id, token_type, client_name });
    return grant;
  }

  /** Issues an access token for a grant whose refresh token is never issued. */
  async function accessToken(grant: RefreshToken) {
    const { id: refresh_token_id, user_id, client_id, access_token_expiration, auth_time, amr } = grant;
    const authorization = { ...HOME_ASSISTANT, user_id, refresh_token_id, client_id, access_token_expiration, auth_time, amr };
    const { access_token, expires_in } = await issuer.issue({ ...authorization, refresh_token: null, ha_auth_provider: null });
    return { access_token, expires_in, refresh_token_id };
  }

  return {
    create,

    /** Valid grants, oldest first. `current_id`: the caller's own. */
    async list(
      user_id: string,
      { current_id = null, ...request }: PageRequest & { current_id?: string | null },
    ): Promise<Page<RefreshTokenItem>> {
      const after = readCursor(request.cursor);
      const rows = await refreshTokens.list({ user_id, now: clock(), limit: pageSize(request) + 1, after });
      const { items, next_cursor } = buildPage(rows, request);
      return { items: items.map((grant) => itemOf(grant, current_id)), next_cursor };
    },

    /** Revokes a grant and its access tokens. */
    async revoke(user_id: string, id: string, actor: Actor): Promise<void> {
      const revoked = await refreshTokens.revoke({ user_id, id });
      if (!revoked) throw invalidToken();
      note('revoked', actor, user_id, { refresh_token_id: id, token_type: revoked.token_type });
    },

    /**
     * Revokes all grants, or those of one type; the caller's own only on request (HA contract
     * 11.3). Normal ones end with their browser sessions, except the caller's.
     */
    async revokeAll(
      user_id: string,
      wanted: { token_type?: TokenType | undefined; delete_current_token?: boolean | undefined; current_id: string | null },
      actor: Actor,
    ): Promise<void> {
      const { token_type = null, delete_current_token = true, current_id } = wanted;
      const except_id = delete_current_token ? null : current_id;
      await database.transaction(async (trx) => {
        await users.lock(trx, user_id);
        if (token_type === null || token_type === 'normal') await signOut.sessions(trx, { user_id, except_id }, actor);
        await signOut.grants(trx, { user_id, except_id, token_type }, actor);
      });
    },

    /** Switches idle expiry; repeating it changes nothing. */
    async setExpiry(
      user_id: string,
      id: string,
      enable: boolean,
      actor: Actor,
      current_id: string | null = null,
    ): Promise<RefreshTokenItem> {
      const idle_lifetime = enable ? (lifetimes.refresh_token_idle ?? DEFAULT_IDLE_LIFETIME) : null;
      const grant =
        (await refreshTokens.find({ user_id, id, now: clock() })) && (await refreshTokens.setIdleLifetime({ user_id, id, idle_lifetime }));
      if (!grant) throw invalidToken();
      note('expiry_changed', actor, user_id, { refresh_token_id: id, enable_expiry: enable });
      return itemOf(grant, current_id);
    },

    /**
     * Creates an access token for `lifespan` days, shown only once. Its name is unique per user.
     */
    async createLongLived(
      { user }: Pick<Caller, 'user'>,
      wanted: { client_name: string; lifespan: number; client_icon?: string | null | undefined },
      actor: Actor,
    ): Promise<{ token: string; refresh_token_id: string }> {
      await freshLogin.require(actor);
      const { lifespan, client_icon = null } = wanted;
      if (!Number.isInteger(lifespan) || lifespan < 1 || lifespan > MAX_LIFESPAN_DAYS) {
        throw new AuthError('invalid_format', `lifespan must be 1 to ${MAX_LIFESPAN_DAYS} days`);
      }
      if (client_icon !== null && client_icon.length > MAX_ICON_LENGTH) throw new AuthError('invalid_format', 'client_icon is too long');
      const client_name = requireName(wanted.client_name, 'client_name');
      const access_token_expiration = lifespan * DAY;
      const facts = { token_type: 'long_lived_access_token', is_used: true, access_token_expiration } as const;
      const expires_at = addSeconds(clock(), access_token_expiration);
      const grant = await create(user.id, { ...facts, client_name, client_icon, expires_at }, actor);
      const { access_token } = await accessToken(grant);
      await keyring.keep(access_token, expires_at);
      return { token: access_token, refresh_token_id: grant.id };
    },

    /** Issues a machine's access token with the ordinary lifetime; its grant ends with it. */
    async createSystem(user_id: string, actor: Actor): Promise<{ access_token: string; expires_in: number; refresh_token_id: string }> {
      const expires_at = addSeconds(clock(), lifetimes.access_token);
      return await accessToken(await create(user_id, { token_type: 'system', expires_at, is_used: true }, actor));
    },
  };
}

function itemOf(grant: RefreshToken, current_id: string | null): RefreshTokenItem {
  const { id, token_type: type, client_id, client_name, client_icon, created_at, last_used_at, last_used_ip } = grant;
  const { auth_provider_type, auth_provider_id } = grant;
  const facts = { id, type, client_id, client_name, client_icon, created_at, last_used_at, last_used_ip };
  return { ...facts, expire_at: deadlineOf(grant), is_current: id === current_id, auth_provider_type, auth_provider_id };
}

function deadlineOf({ token_type, idle_lifetime, expires_at, created_at, last_used_at }: RefreshToken): Date | null {
  const idle = endOf(last_used_at ?? created_at, idle_lifetime);
  const end = token_type === 'long_lived_access_token' ? null : expires_at;
  return idle && end ? new Date(Math.min(idle.getTime(), end.getTime())) : (idle ?? end);
}

function endOf(start: Date, lifetime: number | null): Date | null {
  return lifetime === null ? null : addSeconds(start, lifetime);
}

function invalidToken(): AuthError {
  return new AuthError('invalid_token_id');
}
