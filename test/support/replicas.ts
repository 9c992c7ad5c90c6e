// Two processes of the built server on one database, with an app for each algorithm of ID tokens, named after it; and grants of the owner there, where a login for each would
// hash a password each.
import { CLIENT_DEFAULTS } from '../../src/domain/client_metadata.ts';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { createAuthorizationCodeRepository } from '../../src/repository/authorization_codes.ts';
import { createClientRepository } from '../../src/repository/clients.ts';
import { type BuiltServer, createOwner, startBuiltServer, tokensOf } from './built_server.ts';
import { createEmptyDatabase } from './database.ts';
import { loginOf } from './grants.ts';
import { createReleasedCodes } from './released_codes.ts';
import { CALLBACK } from './standard_clients.ts';
import { CHALLENGE, VERIFIER } from './standard_grants.ts';

const clock = () => new Date();

const APP = {
  redirect_uris: [CALLBACK],
  scope: ['openid', 'offline_access'],
  token_endpoint_auth_method: 'none' as const,
  trusted: true,
  managed_by: 'database' as const,
};

export type Replicas = Awaited<ReturnType<typeof startReplicas>>;

export async function startReplicas(env: Record<string, string> = {}) {
  const empty = await createEmptyDatabase();
  const database: Database = createDatabase({ connection: empty.connection, on_error: () => {} });
  const start = () => startBuiltServer({ database: empty.connection, env });
  const servers = await Promise.all([start(), start()]);
  await createOwner(servers[0]!);
  for (const id_token_signed_response_alg of ['RS256', 'ES256'] as const) {
    const client = { client_id: id_token_signed_response_alg, id_token_signed_response_alg, ...APP };
    await createClientRepository(database).insert(database.kysely, { ...CLIENT_DEFAULTS, ...client, created_at: clock() });
  }

  /** Tokens of a new grant of the owner. */
  async function newGrant(client_id = 'RS256') {
    const codes = createReleasedCodes({ authorizationCodes: createAuthorizationCodeRepository(database), clock, lifetime: 60 });
    const owner = await database.kysely.selectFrom('users').selectAll().where('is_owner', '=', true).executeTakeFirstOrThrow();
    const facts = { scope: ['openid', 'offline_access'], resource: [], nonce: null, claims: null, sid: null, dpop_jkt: null };
    const code = await codes.issue(
      await loginOf(database, owner, { client_id, redirect_uri: CALLBACK, code_challenge: CHALLENGE, auth_time: clock(), standard: facts }),
    );
    const form = { grant_type: 'authorization_code', client_id, code, code_verifier: VERIFIER };
    return tokensOf(await servers[0]!.postForm('/auth/token', form));
  }

  return {
    database,
    servers,
    newGrant,
    refresh: (server: BuiltServer, refresh_token: string) =>
      server.postForm('/auth/token', { grant_type: 'refresh_token', client_id: 'RS256', refresh_token }),
    /** Kills both, and starts one anew. */
    async restart(): Promise<BuiltServer> {
      await Promise.all(servers.map((server) => server.kill()));
      servers.splice(0, 2, await start());
      return servers[0]!;
    },
    async close(): Promise<void> {
      await Promise.all(servers.map((server) => server.kill()));
      await database.close();
      await empty.drop();
    },
  };
}
