// Fills both servers with what the runs need: an owner, authorization codes and refresh tokens, each by the server's own doing where that is
// quick enough, and by rows where it is not.

import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Server } from './servers.ts';

export const CLIENT_ID = 'https://app.example.com';
export const REDIRECT_URI = 'https://app.example.com/callback';
export const LOGIN = { username: 'bench', password: 'a pass phrase for the bench' };

/** Makes the owner by the link that the server printed; a later start finds it there. */
export async function seedOwner(server: Server): Promise<void> {
  const token = /onboarding\?token=([\w-]+)/.exec(server.output())?.[1];
  if (token === undefined) return;
  const answer = await fetch(`${server.url}/api/onboarding/users`, {
    method: 'POST',
    headers: { 'x-setup-token': token },
    body: JSON.stringify({ client_id: CLIENT_ID, name: 'Bench', language: 'en', ...LOGIN }),
  });
  if (!answer.ok) throw new Error(`onboarding: ${answer.status} ${await answer.text()}`);
}

/** A client of the standard profile, as an operator registers it. */
export const STANDARD_CLIENT_ID = 'bench';

export async function seedStandardClient(database_url: string): Promise<void> {
  await run(
    database_url,
    `insert into clients (client_id, redirect_uris, token_endpoint_auth_method, grant_types, scope, trusted, managed_by, created_at)
     values ($1, $2, 'none', '{authorization_code,refresh_token}', '{openid,offline_access}', true, 'database', now()) on conflict do nothing`,
    [STANDARD_CLIENT_ID, [REDIRECT_URI]],
  );
}

async function run(database_url: string, text: string, values: unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: database_url });
  await client.connect();
  await client.query(text, values);
  await client.end();
}

/** Codes of ours, as rows: a login each would measure argon2. `standard`: with an ID token and rotation. */
export async function seedCodes(database_url: string, count: number, standard = false): Promise<string[]> {
  const codes = Array.from({ length: count }, () => `lk_ac_${randomBytes(32).toString('base64url')}`);
  await run(
    database_url,
    `insert into authorization_codes (code_hash, client_id, redirect_uri, purpose, user_id, credential_id, auth_provider_type, auth_time, amr,
       remote_address, created_at, expires_at, profile, scope)
     select hash, $1, $2, 'authorize', c.user_id, c.id, c.auth_provider_type, now(), '{pwd}', '127.0.0.1', now(), now() + interval '10 minutes', $4, $5
     from unnest($3::bytea[]) as hash, (select * from credentials limit 1) c`,
    [
      standard ? STANDARD_CLIENT_ID : CLIENT_ID,
      REDIRECT_URI,
      codes.map((code) => createHash('sha256').update(code).digest()),
      standard ? 'standard' : 'home_assistant',
      standard ? ['openid', 'offline_access'] : [],
    ],
  );
  return codes;
}

/** Codes of the peer. `standard`: with an ID token and rotation. */
export async function seedPeerCodes(server: Server, count: number, standard = false): Promise<string[]> {
  const answer = await fetch(`${server.url}/seed?codes=${count}&standard=${standard}`, { method: 'POST' });
  return (await answer.json()) as string[];
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
}

/** Trades codes for tokens at the server's own endpoint. */
export async function redeem(server: Server, path: string, bodies: readonly string[]): Promise<Tokens[]> {
  const tokens: Tokens[] = [];
  for (const body of bodies) {
    const answer = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
    const { access_token, refresh_token } = (await answer.json()) as Partial<Tokens>;
    if (!access_token || !refresh_token) throw new Error(`${server.name} ${path}: ${answer.status}`);
    tokens.push({ access_token, refresh_token });
  }
  return tokens;
}
