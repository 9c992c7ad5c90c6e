// npm's oidc-provider with an adapter of one PostgreSQL table, named prepared statements and a pool as large as ours; access tokens are its
// default kind, stored and opaque. `POST /seed?codes=N&scope=…&client_id=…` makes authorization codes with PKCE without a browser, so that
// only the token endpoint is measured.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 });
await pool.query(`create table if not exists oidc_payloads (
  id text, type text, payload jsonb not null, grant_id text, user_code text, uid text, expires_at timestamptz, consumed_at timestamptz, primary key (id, type))`);
await pool.query('create index if not exists oidc_payloads_grant on oidc_payloads (grant_id)');
await pool.query('create index if not exists oidc_payloads_uid on oidc_payloads (uid)');

const run = (name, text, values) => pool.query({ name, text, values });
const toPayload = (row) => row && { ...row.payload, ...(row.consumed_at ? { consumed: true } : {}) };

class Adapter {
  constructor(type) {
    this.type = type;
  }
  async upsert(id, payload, expiresIn) {
    const expires = expiresIn ? new Date(Date.now() + expiresIn * 1000) : null;
    await run(
      'upsert',
      `insert into oidc_payloads (id, type, payload, grant_id, user_code, uid, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (id, type) do update set payload = excluded.payload, expires_at = excluded.expires_at`,
      [id, this.type, payload, payload.grantId ?? null, payload.userCode ?? null, payload.uid ?? null, expires],
    );
  }
  async find(id) {
    return toPayload(
      (await run('find', 'select payload, consumed_at from oidc_payloads where id = $1 and type = $2', [id, this.type])).rows[0],
    );
  }
  async findByUid(uid) {
    return toPayload(
      (await run('uid', 'select payload, consumed_at from oidc_payloads where uid = $1 and type = $2', [uid, this.type])).rows[0],
    );
  }
  async findByUserCode(code) {
    return toPayload(
      (await run('code', 'select payload, consumed_at from oidc_payloads where user_code = $1 and type = $2', [code, this.type])).rows[0],
    );
  }
  async destroy(id) {
    await run('destroy', 'delete from oidc_payloads where id = $1 and type = $2', [id, this.type]);
  }
  async consume(id) {
    await run('consume', 'update oidc_payloads set consumed_at = now() where id = $1 and type = $2', [id, this.type]);
  }
  async revokeByGrantId(grantId) {
    await run('revoke', 'delete from oidc_payloads where grant_id = $1', [grantId]);
  }
}

const port = Number(process.env.BENCH_PORT);
const clients = JSON.parse(process.env.BENCH_CLIENTS);
const [redirect_uri] = clients[0].redirect_uris;
const newKey = async (alg) => ({ ...(await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey)), alg, use: 'sig' });
const DAY = 86_400;
const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Adapter,
  clients,
  jwks: { keys: [await newKey('RS256'), await newKey('ES256')] },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  scopes: ['api'],
  // As a client that sends PKCE needs it; ours demands it of public clients.
  pkce: { required: () => false },
  ttl: { AccessToken: DAY, ClientCredentials: DAY, AuthorizationCode: 600 },
  // The scope `api` alone keeps its refresh token; `offline_access` makes it rotate.
  rotateRefreshToken: (context) => context.oidc.entities.RefreshToken.scopes.has('offline_access'),
  issueRefreshToken: () => true,
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: { introspection: { enabled: true }, clientCredentials: { enabled: true } },
});

async function seed(count, scope, client_id) {
  const client = await provider.Client.find(client_id);
  const grant = new provider.Grant({ accountId: 'user', clientId: client_id });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const codes = [];
  for (let made = 0; made < count; made += 1) {
    const verifier = randomBytes(32).toString('base64url');
    const code = new provider.AuthorizationCode({
      accountId: 'user',
      client,
      grantId,
      gty: 'authorization_code',
      redirectUri: redirect_uri,
      codeChallenge: createHash('sha256').update(verifier).digest('base64url'),
      codeChallengeMethod: 'S256',
      scope,
      authTime: Math.floor(Date.now() / 1000),
    });
    codes.push({ code: await code.save(), verifier });
  }
  return codes;
}

const handle = provider.callback();
createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname !== '/seed') return handle(request, response);
  response.setHeader('content-type', 'application/json');
  const codes = await seed(Number(searchParams.get('codes')), searchParams.get('scope'), searchParams.get('client_id'));
  response.end(JSON.stringify(codes));
}).listen(port, '127.0.0.1');
