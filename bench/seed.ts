// Fills both servers with what the runs need: an owner, apps, authorization codes and tokens, each by the server's own doing where that is
// quick enough, and by rows where it is not.

import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { LATCHKEY, latchkeyEnvironment, type Server } from './servers.ts';

/** An app that names itself, as Home Assistant's do. */
export const URL_CLIENT = 'https://app.example.com';
export const REDIRECT_URI = 'https://app.example.com/callback';
export const LOGIN = { username: 'bench', password: 'a pass phrase for the bench' };
/** Registered at both: one that can keep no secret, and one that can. */
export const PUBLIC_CLIENT = 'bench';
export const CONFIDENTIAL_CLIENT = 'bench-api';
/** Of the peer's confidential client. */
export const PEER_SECRET = 'bench-api';

/** Makes the owner by the link that the server printed; a later start finds it there. */
export async function seedOwner(server: Server): Promise<void> {
  const token = /onboarding\?token=([\w-]+)/.exec(server.output())?.[1];
  if (token === undefined) return;
  const answer = await fetch(`${server.url}/api/onboarding/users`, {
    method: 'POST',
    headers: { 'x-setup-token': token },
    body: JSON.stringify({ client_id: URL_CLIENT, name: 'Bench', language: 'en', ...LOGIN }),
  });
  if (!answer.ok) throw new Error(`onboarding: ${answer.status} ${await answer.text()}`);
}

/** Registers both apps as an operator does; answers the confidential one's secret. */
export async function seedClients(database_url: string, data_dir: string): Promise<string> {
  const env = { ...process.env, ...latchkeyEnvironment(database_url, data_dir) };
  const add = (client_id: string, ...options: string[]) =>
    promisify(execFile)(
      process.execPath,
      [LATCHKEY, 'client', 'add', client_id, '--client-id', client_id, '--redirect-uri', REDIRECT_URI, '--trusted', '--json', ...options],
      { env },
    );
  await add(PUBLIC_CLIENT, '--public');
  const { stdout } = await add(CONFIDENTIAL_CLIENT);
  return (JSON.parse(stdout) as { client_secret: string }).client_secret;
}

/** Whose codes, and for what: no scope at all is Home Assistant's dialect. */
export interface Seeds {
  client_id: string;
  scope?: string;
}

/** Codes of ours, as rows: a login each would measure argon2. */
export async function seedCodes(database_url: string, count: number, { client_id, scope }: Seeds): Promise<string[]> {
  const codes = Array.from({ length: count }, () => `lk_ac_${randomBytes(32).toString('base64url')}`);
  const client = new pg.Client({ connectionString: database_url });
  await client.connect();
  await client.query(
    `insert into authorization_codes (code_hash, client_id, redirect_uri, purpose, user_id, credential_id, auth_provider_type, auth_time, amr,
       remote_address, created_at, expires_at, profile, scope)
     select hash, $1, $2, 'authorize', c.user_id, c.id, c.auth_provider_type, now(), '{pwd}', '127.0.0.1', now(), now() + interval '10 minutes', $4, $5
     from unnest($3::bytea[]) as hash, (select * from credentials limit 1) c`,
    [
      client_id,
      REDIRECT_URI,
      codes.map((code) => createHash('sha256').update(code).digest()),
      scope === undefined ? 'home_assistant' : 'standard',
      scope?.split(' ') ?? [],
    ],
  );
  await client.end();
  return codes;
}

const GRANT = 'bench grant ';
/** The refresh token of each grant that `seedGrants` makes. */
export const grantSecret = (n: number) => GRANT + n;

/** Grants of ours by the numbers from `first` to `last`: to have millions they are rows, too. */
export async function seedGrants(database_url: string, first: number, last: number): Promise<void> {
  const client = new pg.Client({ connectionString: database_url });
  await client.connect();
  await client.query(
    `insert into refresh_tokens (id, user_id, credential_id, auth_provider_type, token_type, client_id, token_hash, access_token_expiration,
       created_at, auth_time, amr)
     select md5($4 || n), c.user_id, c.id, c.auth_provider_type, 'normal', $1, sha256(convert_to($4 || n, 'UTF8')), 1800, now(), now(), '{pwd}'
     from generate_series($2::int, $3::int) n, (select * from credentials limit 1) c`,
    [URL_CLIENT, first, last, GRANT],
  );
  await client.query('vacuum (analyze) refresh_tokens');
  await client.query('checkpoint');
  await client.end();
}

/** Codes of the peer. */
export async function seedPeerCodes(server: Server, count: number, { client_id, scope = '' }: Seeds): Promise<string[]> {
  const query = new URLSearchParams({ codes: String(count), client_id, scope });
  const answer = await fetch(`${server.url}/seed?${query}`, { method: 'POST' });
  return (await answer.json()) as string[];
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
}

/** Trades codes for tokens at the server's own endpoint. */
export async function redeem(server: Server, path: string, headers: Record<string, string>, bodies: readonly string[]): Promise<Tokens[]> {
  const tokens: Tokens[] = [];
  for (const body of bodies) {
    const answer = await fetch(server.url + path, { method: 'POST', headers, body });
    const { access_token, refresh_token } = (await answer.json()) as Partial<Tokens>;
    if (!access_token || !refresh_token) throw new Error(`${server.name} ${path}: ${answer.status}`);
    tokens.push({ access_token, refresh_token });
  }
  return tokens;
}
