// Clients and grants of the standard profile, for tests of what is below the authorization endpoint.
import { type Client, isConfidential } from '../../src/domain/client.ts';
import { addSeconds } from '../../src/domain/clock.ts';
import { sha256 } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import type { Database } from '../../src/postgres/database.ts';
import type { FinishedLogin, StandardCodeData } from '../../src/tokens/authorization_code.ts';
import { loginOf, newClient, redeem, type TokenParts } from './grants.ts';
import { NOON } from './people.ts';

// RFC 7636 appendix B
export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
export const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

export const SCOPE = ['openid', 'profile', 'offline_access'];
/** A client without a secret, that everybody may use without consent. */
export const PUBLIC_CLIENT = newClient({ client_id: 'desktop', token_endpoint_auth_method: 'none' });

/** Makes a client known to these parts, and to the database, where its grants look for it. */
export async function registerClient(parts: TokenParts, { kysely }: Pick<Database, 'kysely'>, client: Client): Promise<Client> {
  parts.clients.set(client.client_id, client);
  if (client.kind !== 'registered') return client;
  const { client_id, token_endpoint_auth_method, grant_types, scope, backchannel_logout_uri } = client;
  await kysely
    .insertInto('clients')
    .values({ client_id, token_endpoint_auth_method, grant_types, scope, backchannel_logout_uri, managed_by: 'config', created_at: NOON })
    .onConflict((oc) => oc.doNothing())
    .execute();
  return client;
}

/** What a client sends to say, and to prove, who it is. */
export function credentialsOf(client: Client): Record<string, string> {
  const { client_id } = client;
  return { client_id, ...(isConfidential(client) && { client_secret: [...client_id].reverse().join('') }) };
}

/** A code as the authorization endpoint makes it. */
export async function standardCode(
  parts: TokenParts,
  database: Database,
  user: User,
  client: Client,
  { login = {}, ...standard }: Partial<StandardCodeData> & { login?: Partial<FinishedLogin> } = {},
): Promise<string> {
  const facts = { scope: SCOPE, resource: [], nonce: null, claims: null, sid: null, dpop_jkt: null, ...standard };
  const { client_id } = client;
  return parts.codes.issue(await loginOf(database, user, { client_id, code_challenge: CHALLENGE, standard: facts, ...login }));
}

/** A browser's session of that name, from noon on for a day. */
export async function addSession(
  { kysely }: Pick<Database, 'kysely'>,
  { id: user_id }: User,
  sid: string,
  credential_id: string | null = null,
): Promise<void> {
  const times = { auth_time: NOON, created_at: NOON, last_used_at: NOON, expires_at: addSeconds(NOON, 86_400) };
  const facts = { user_id, credential_id, auth_provider_type: 'homeassistant', remote_address: '192.0.2.1' };
  await kysely
    .insertInto('sessions')
    .values({ id_hash: sha256(sid), sid, ...facts, ...times })
    .execute();
}

/** The first tokens of a grant. */
export async function standardTokens(
  parts: TokenParts,
  database: Database,
  user: User,
  client: Client,
  standard: Parameters<typeof standardCode>[4] = {},
): Promise<TokenSet> {
  const code = await standardCode(parts, database, user, client, standard);
  const answer = await redeem(parts, code, { code_verifier: VERIFIER, ...credentialsOf(client) });
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}
