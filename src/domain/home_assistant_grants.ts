// Home Assistant's refresh tokens as grants (HA contract 2.4 and 8.5). The token strings become
// hashes; only long-lived ones keep the key that signed their access token.
import { addSeconds } from './clock.ts';
import type { AuthFile } from './home_assistant_schema.ts';
import type { ImportedGrant, ImportNote } from './import_source.ts';
import { sha256 } from './secret.ts';
import { cleanText } from './text.ts';
import type { TokenType } from './token.ts';

type Token = AuthFile['refresh_tokens'][number];
type Credential = AuthFile['credentials'][number];

/** 512 random bits in hexadecimal, as Home Assistant makes tokens and keys. */
const SECRET = /^[0-9a-f]{128}$/;
const DAY = 86_400;
/** After this long without use a grant that may expire does. */
const IDLE_LIFETIME = 90 * DAY;
const MAX_LIFETIME = 3650 * DAY;
const MAX_CLIENT_ID = 2048;
const MAX_NAME = 256;

interface Owner {
  user: { system_generated: boolean };
  /** By the id of each login of the person, the one that comes over. */
  logins: ReadonlyMap<string, Credential>;
  now: Date;
}

/** The usable grants of a person, oldest first. */
export function grantsOf(tokens: readonly Token[], owner: Owner): { grants: ImportedGrant[]; notes: ImportNote[] } {
  const lasting = tokens.filter((token) => !isExpired(token, owner.now));
  const read = lasting.flatMap((token) => grantOf(token, owner) ?? []);
  const grants = withUniqueNames(read.sort((a, b) => a.created_at.getTime() - b.created_at.getTime()));
  const expired = tokens.length - lasting.length;
  const unusable = lasting.length - grants.length;
  return {
    grants,
    notes: [
      ...(expired > 0 ? [{ code: 'tokens_expired', count: expired } as const] : []),
      ...(unusable > 0 ? [{ code: 'tokens_unusable', count: unusable } as const] : []),
    ],
  };
}

/** Null for what could not be used there or here. */
function grantOf(token: Token, { user, logins }: Owner): ImportedGrant | null {
  const created_at = timeOf(token.created_at);
  const token_type = typeOf(token);
  const { id, client_id, credential_id } = token;
  const seconds = Math.round(token.access_token_expiration);
  if (!created_at || !token_type || !SECRET.test(token.token) || !SECRET.test(token.jwt_key ?? '') || seconds < 1) return null;
  if (user.system_generated !== (token_type === 'system') || !hasItsNames(token, token_type)) return null;
  const is_long_lived = token_type === 'long_lived_access_token';
  const login = credential_id === null ? undefined : logins.get(credential_id);
  // Its login stays behind, so nothing could check whether the person may still use it.
  if (token_type === 'normal' && credential_id !== null && !login) return null;
  const last_used_at = timeOf(token.last_used_at);
  return {
    id,
    credential_id: login?.id ?? null,
    auth_provider_type: login?.auth_provider_type ?? null,
    auth_provider_id: login?.auth_provider_id ?? null,
    token_type,
    client_id,
    client_name: cleanText(token.client_name ?? '', MAX_NAME) || null,
    client_icon: (token.client_icon?.length ?? 0) <= MAX_NAME ? token.client_icon : null,
    access_token_expiration: Math.min(seconds, MAX_LIFETIME),
    idle_lifetime: idleLifetime(token.expire_at, last_used_at ?? created_at),
    expires_at: is_long_lived ? addSeconds(created_at, Math.min(seconds, 10 * MAX_LIFETIME)) : null,
    created_at,
    last_used_at,
    last_used_ip: token.last_used_ip && token.last_used_ip.length <= 64 ? token.last_used_ip : null,
    // The refresh token of a long-lived grant never leaves the server.
    token_hash: is_long_lived ? null : sha256(token.token),
    jwt_key: is_long_lived ? token.jwt_key : null,
  };
}

/** Old files have no type (HA contract 2.5); null for an unknown one. */
function typeOf({ token_type, client_id }: Token): TokenType | null {
  if (token_type === null) return client_id === null ? 'system' : 'normal';
  return (['normal', 'long_lived_access_token', 'system'] as const).find((type) => type === token_type) ?? null;
}

function hasItsNames({ client_id, client_name }: Token, token_type: TokenType): boolean {
  if (token_type === 'normal') return client_id !== null && client_id !== '' && client_id.length <= MAX_CLIENT_ID;
  if (token_type === 'system') return client_id === null;
  return cleanText(client_name ?? '', MAX_NAME) !== '';
}

function timeOf(text: string | null): Date | null {
  const time = new Date(text ?? '');
  return Number.isNaN(time.getTime()) || time.getUTCFullYear() < 2000 || time.getUTCFullYear() > 9999 ? null : time;
}

/** Home Assistant moves the expiry to 90 days after each use; switched off, it never comes. */
function idleLifetime(expire_at: number | null, since: Date): number | null {
  if (expire_at === null) return null;
  const left = Math.ceil(expire_at - since.getTime() / 1000);
  return Math.min(Math.max(left, IDLE_LIFETIME), MAX_LIFETIME);
}

/** Unused for too long, or a long-lived one at its end. */
function isExpired(token: Token, now: Date): boolean {
  const { expire_at, token_type, created_at, access_token_expiration } = token;
  const seconds = now.getTime() / 1000;
  if (expire_at !== null && expire_at <= seconds) return true;
  return token_type === 'long_lived_access_token' && Date.parse(created_at ?? '') / 1000 + access_token_expiration <= seconds;
}

/** Two long-lived tokens of a name are possible there only in files of old releases. */
function withUniqueNames(grants: ImportedGrant[]): ImportedGrant[] {
  const names = new Set<string>();
  return grants.map((grant) => {
    if (grant.token_type !== 'long_lived_access_token' || grant.client_name === null) return grant;
    const client_name = names.has(grant.client_name)
      ? `${grant.client_name.slice(0, MAX_NAME - 9)} ${grant.id.slice(0, 8)}`
      : grant.client_name;
    names.add(client_name);
    return { ...grant, client_name };
  });
}
