// Access to protected hosts. A session cookie never reaches another host, so each host gets its own
// cookie through a code for one use, one host and one browser. Programs present an access token
// instead.

import type { Audit } from '../domain/audit_event.ts';
import { type LoginDemand, meetsDemand } from '../domain/authentication_class.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { compileRules, type ForwardAuthRule, requirementFor, satisfiesRequirement } from '../domain/forward_auth_rule.ts';
import { blockReason } from '../domain/login_block.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import type { AccessTokenClaims } from '../domain/token.ts';
import type { HostSessionRepository, HostSessionUser } from '../repository/host_sessions.ts';
import type { UserFacts } from '../repository/user_facts.ts';
import type { AccessTokens } from '../tokens/access_token.ts';
import { type ImportedTokens, isImportedToken } from '../tokens/imported_token.ts';

export interface ForwardAuthDeps {
  rules: readonly ForwardAuthRule[];
  hostSessions: HostSessionRepository;
  userFacts: { find(user_id: string): Promise<Pick<UserFacts, 'group_ids'> | undefined> };
  accessTokens: Pick<AccessTokens, 'read'>;
  importedTokens: Pick<ImportedTokens, 'read'>;
  clock: Clock;
  audit: Audit;
  public_url: string;
  /** Seconds without use after which a browser's session ends. */
  idle: number;
}

/** The identity that a protected host receives. */
export interface ForwardedIdentity {
  /** Unique. */
  user: string;
  name: string | null;
  email: string | null;
  group_ids: readonly string[];
}

/** A requested page and the credentials presented for it. */
export interface ForwardAuthRequest {
  host: string;
  /** Path and query as received. */
  uri: string;
  /** A CORS preflight, which carries no credentials (Fetch, section 4.8). */
  is_preflight?: boolean;
  cookie: string | null;
  access_token: string | null;
  remote_address: string;
  error_ref: string;
}

/** `visitor`: null for public pages. `login`: the demand that the visitor's login does not meet. */
export type ForwardAuthDecision = { allowed: true; visitor: ForwardedIdentity | null } | { allowed: false; login?: LoginDemand };

/** A browser's session and its login. */
export interface HostLogin {
  sid: string;
  user_id: string;
  auth_time: Date;
  amr: readonly string[];
}

export type ForwardAuth = ReturnType<typeof createForwardAuth>;

const CODE_LIFETIME = 60;
/** Minimum seconds between updates of the last use. */
const TOUCH_EVERY = 60;
const MAX_COOKIE_LENGTH = 100;

export function createForwardAuth({
  rules,
  hostSessions,
  userFacts,
  accessTokens,
  importedTokens,
  clock,
  audit,
  public_url,
  idle,
}: ForwardAuthDeps) {
  const compiled = compileRules(rules);
  const hosts = new Set(rules.map(({ host }) => host));
  // Never from the request: a code must not travel unencrypted.
  const originOf = (host: string) => `${new URL(public_url).protocol}//${host}`;

  async function byCookie(cookie: string, host: string): Promise<HostSessionUser | undefined> {
    if (cookie.length > MAX_COOKIE_LENGTH) return undefined;
    const now = clock();
    const [found] = await hostSessions.findVisitor({ id_hash: sha256(cookie), host, now, idle });
    if (found && addSeconds(found.last_used_at, TOUCH_EVERY) <= now) await hostSessions.touch({ sid: found.sid, now });
    return found;
  }

  /** A long-lived token proves no login. */
  async function byAccessToken(token: string, host: string): Promise<HostSessionUser | undefined> {
    const claims = isImportedToken(token) ? await importedTokens.read(token) : accessTokens.read(token, { for_anyone: true });
    if (!claims?.refresh_token_id || claims.cnf) return undefined;
    const [found] = await hostSessions.findBearer({ id: claims.refresh_token_id, jti: claims.jti, now: clock() });
    if (found?.user_id !== claims.sub || !isMeantFor(claims, found.profile, host)) return undefined;
    return found.token_type === 'normal' ? found : { ...found, auth_time: new Date(0), amr: [] };
  }

  /** A token issued to another app grants no access here, unless its audience is this host. */
  function isMeantFor({ aud }: Pick<AccessTokenClaims, 'aud'>, profile: string, host: string): boolean {
    const meant = profile === 'home_assistant' ? [public_url] : [originOf(host), `${originOf(host)}/`];
    return [aud].flat().some((audience) => meant.includes(audience));
  }

  async function find({ cookie, access_token, host, remote_address }: ForwardAuthRequest): Promise<HostSessionUser | undefined> {
    const may = (found: HostSessionUser | undefined) => (found && blockReason(found, remote_address) === null ? found : undefined);
    const visitor = cookie === null ? undefined : may(await byCookie(cookie, host));
    if (visitor || access_token === null) return visitor;
    return may(await byAccessToken(access_token, host));
  }

  return {
    /** Whether a rule covers the host. */
    protects: (host: string): boolean => hosts.has(host),

    originOf,

    /** One statement if a cookie is presented. Last use is recorded once a minute. */
    async check(visit: ForwardAuthRequest): Promise<ForwardAuthDecision> {
      const demand = requirementFor(compiled, visit.host, visit.uri);
      if (!demand) return { allowed: false };
      if (demand.is_public || (demand.allows_preflight && visit.is_preflight === true)) return { allowed: true, visitor: null };
      const found = await find(visit);
      if (!found) return { allowed: false };
      if (satisfiesRequirement(demand, found.group_ids)) {
        if (meetsDemand(demand.login, found, clock())) return { allowed: true, visitor: visitorOf(found) };
        // Not audited: every login grows old.
        return { allowed: false, login: demand.login };
      }
      const { error_ref, remote_address, host } = visit;
      audit.record({
        ...{ type: 'host_session.refused', outcome: 'refused', error_ref, remote_address, actor_user_id: found.user_id },
        detail: { host, path: visit.uri.split('?', 1)[0]?.slice(0, 200) ?? '', reason: 'in none of the groups that the rule names' },
      });
      return { allowed: false };
    },

    /** Whether only a newer or stronger login lets this person in. */
    async needsLogin(session: HostLogin, { host, uri }: { host: string; uri: string }): Promise<boolean> {
      const demand = requirementFor(compiled, host, uri);
      if (!demand || demand.is_public || meetsDemand(demand.login, session, clock())) return false;
      const facts = await userFacts.find(session.user_id);
      return facts !== undefined && satisfiesRequirement(demand, facts.group_ids);
    },

    /**
     * Issues a code for a cookie on the host, for the session and the browser that requested the
     * host. Throws `access_denied`.
     */
    async issueCode(session: HostLogin, wish: { host: string; uri: string; browser_hash: Buffer }): Promise<string> {
      const { host, uri, browser_hash } = wish;
      const demand = requirementFor(compiled, host, uri);
      const facts = await userFacts.find(session.user_id);
      if (!demand || !facts || !satisfiesRequirement(demand, facts.group_ids))
        throw new AuthError('access_denied', 'No access to this host', { detail: `${host}: no rule lets this person in` });
      if (!demand.is_public && !meetsDemand(demand.login, session, clock()))
        throw new AuthError('access_denied', 'No access to this host', { detail: `${host}: the login is too old, or proves too little` });
      const code = randomToken('lk_hc_');
      const now = clock();
      const times = { created_at: now, expires_at: addSeconds(now, CODE_LIFETIME) };
      await hostSessions.insertCode({ code_hash: sha256(code), host, sid: session.sid, browser_hash, ...times });
      return code;
    },

    /** Redeems a code for a cookie; null if it is invalid for this browser or host. */
    async redeem(wish: { code: string; host: string; browser_hash: Buffer; remote_address: string }): Promise<string | null> {
      const { host, browser_hash, remote_address } = wish;
      const cookie = randomToken('lk_hs_');
      const made = await hostSessions.redeem({ code_hash: sha256(wish.code), id_hash: sha256(cookie), host, browser_hash, now: clock() });
      if (!made) return null;
      audit.record({ type: 'host_session.started', outcome: 'done', actor_user_id: made.user_id, remote_address, detail: { host } });
      return cookie;
    },
  };
}

function visitorOf({ user_id, username, name, email, group_ids }: HostSessionUser): ForwardedIdentity {
  return { user: username ?? user_id, name, email, group_ids };
}
