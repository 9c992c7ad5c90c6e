// Authorization codes as rows, where logging in for each would hash a password each; and what became of them.
import { sql } from 'kysely';
import type { Database } from '../../src/postgres/database.ts';
import { newAuthorizationCode } from '../../src/tokens/authorization_code.ts';
import { CLIENT_ID, REDIRECT_URI } from './built_server.ts';

/** Codes of the owner, good for ten minutes. */
export async function seedCodes({ kysely }: Database, count: number): Promise<string[]> {
  const codes = Array.from({ length: count }, () => newAuthorizationCode());
  const login = await kysely.selectFrom('credentials').select(['user_id', 'id', 'auth_provider_type']).executeTakeFirstOrThrow();
  const now = new Date();
  const rows = codes.map(({ code_hash }) => ({
    code_hash,
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    purpose: 'authorize' as const,
    user_id: login.user_id,
    credential_id: login.id,
    auth_provider_type: login.auth_provider_type,
    auth_time: now,
    remote_address: '127.0.0.1',
    created_at: now,
    expires_at: new Date(now.getTime() + 600_000),
  }));
  await kysely.insertInto('authorization_codes').values(rows).execute();
  return codes.map(({ code }) => code);
}

/** From here on remembers every grant that is made, also those that are gone again. */
export async function recordGrants({ kysely }: Database): Promise<{ ids(): Promise<string[]> }> {
  await sql`create table grants_made (id text not null)`.execute(kysely);
  await sql`create function record_grant() returns trigger language plpgsql as $$
    begin insert into grants_made values (new.id); return null; end $$`.execute(kysely);
  await sql`create trigger record_grant after insert on refresh_tokens for each row execute function record_grant()`.execute(kysely);
  return { ids: async () => (await sql<{ id: string }>`select id from grants_made`.execute(kysely)).rows.map(({ id }) => id) };
}
