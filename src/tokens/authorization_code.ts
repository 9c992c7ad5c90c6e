// Authorization codes: random, stored as a hash, redeemable once.
import type { Identity, ProviderKey } from '../domain/auth_provider.ts';
import type { Profile } from '../domain/authorization_request.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import type { CodeRelease } from '../domain/code_release.ts';
import type { JsonObject } from '../domain/json.ts';
import { randomToken, sha256, type TokenPrefix } from '../domain/secret.ts';
import type { AuthorizationCodeRepository } from '../repository/authorization_codes.ts';

/** The prefix shows the dialect before the row is read; the row decides. */
const PREFIXES = { home_assistant: 'lk_ac_', standard: 'lk_acs_' } as const satisfies Record<Profile, TokenPrefix>;

export function newAuthorizationCode(profile: Profile = 'home_assistant'): { code: string; code_hash: Buffer } {
  const code = randomToken(PREFIXES[profile]);
  return { code, code_hash: authorizationCodeHash(code) };
}

/** Whether this looks like a code of the standard profile. */
export function isStandardCode(code: string): boolean {
  return code.startsWith(PREFIXES.standard);
}

/** The lookup key of a code. */
export function authorizationCodeHash(code: string): Buffer {
  return sha256(code);
}

/** A finished login, as stored with its code. */
export interface FinishedLogin extends ProviderKey {
  client_id: string;
  redirect_uri: string | null;
  code_challenge: string | null;
  auth_time: Date;
  amr: string[];
  remote_address: string;
  /** Parameters of a standard authorization request. */
  standard?: StandardCodeData;
  /** The user; a `link_user` login has none yet and carries the identity instead. */
  subject:
    | { purpose: 'authorize'; user_id: string; credential_id: string }
    /** `credential_id`: the identity's existing credential; the code is deleted with it. */
    | { purpose: 'link_user'; identity: Identity; credential_id: string | null };
}

/** What a standard code passes on to its tokens. */
export interface StandardCodeData {
  scope: string[];
  resource: string[];
  nonce: string | null;
  claims: JsonObject | null;
  /** Of the browser session. */
  sid: string | null;
  /** The key that must redeem it (RFC 9449 section 10). */
  dpop_jkt: string | null;
}

/** In seconds; standard clients redeem codes at once (FAPI 2.0 section 5.3.2.1). */
const STANDARD_LIFETIME = 60;

export interface CodeDeps {
  authorizationCodes: Pick<AuthorizationCodeRepository, 'store'>;
  clock: Clock;
  /** Lifetime in seconds. */
  lifetime: number;
}

export function createCodes({ authorizationCodes, clock, lifetime }: CodeDeps) {
  return {
    /** Issues a code for a finished login; requires a CodeRelease. */
    async issue({ subject, standard, ...login }: FinishedLogin, _release: CodeRelease): Promise<string> {
      const { code, code_hash } = newAuthorizationCode(standard && 'standard');
      const now = clock();
      const seconds = standard ? Math.min(lifetime, STANDARD_LIFETIME) : lifetime;
      const times = { created_at: now, expires_at: addSeconds(now, seconds) };
      await authorizationCodes.store({ code_hash, ...login, ...columnsOf(subject), ...standardColumns(standard), ...times });
      return code;
    },
  };
}

function standardColumns(standard: StandardCodeData | undefined) {
  if (!standard) return {};
  return { ...standard, profile: 'standard' as const, claims: standard.claims && JSON.stringify(standard.claims) };
}

function columnsOf(subject: FinishedLogin['subject']) {
  if (subject.purpose === 'authorize') return { ...subject, identity: null };
  return { ...subject, user_id: null, identity: JSON.stringify(subject.identity) };
}
