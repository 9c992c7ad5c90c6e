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

/** Codes of ours, as rows: a login each would measure argon2. */
export async function seedCodes(database_url: string, count: number): Promise<string[]> {
  const client = new pg.Client({ connectionString: database_url });
  await client.connect();
  const codes = Array.from({ length: count }, () => `lk_ac_${randomBytes(32).toString('base64url')}`);
  await client.query(
    `insert into authorization_codes (code_hash, client_id, redirect_uri, purpose, user_id, credential_id, auth_provider_type, auth_time, amr, remote_address, created_at, expires_at)
     select hash, $1, $2, 'authorize', c.user_id, c.id, c.auth_provider_type, now(), '{pwd}', '127.0.0.1', now(), now() + interval '10 minutes'
     from unnest($3::bytea[]) as hash, (select * from credentials limit 1) c`,
    [CLIENT_ID, REDIRECT_URI, codes.map((code) => createHash('sha256').update(code).digest())],
  );
  await client.end();
  return codes;
}

export async function seedPeerCodes(server: Server, count: number): Promise<string[]> {
  const answer = await fetch(`${server.url}/seed?codes=${count}`, { method: 'POST' });
  return (await answer.json()) as string[];
}

/** Trades codes for refresh tokens at the server's own endpoint. */
export async function redeem(server: Server, path: string, bodies: readonly string[]): Promise<string[]> {
  const tokens: string[] = [];
  for (const body of bodies) {
    const answer = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
    const { refresh_token } = (await answer.json()) as { refresh_token?: string };
    if (refresh_token === undefined) throw new Error(`${server.name} ${path}: ${answer.status}`);
    tokens.push(refresh_token);
  }
  return tokens;
}
