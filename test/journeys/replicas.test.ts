// Several server processes on one database: nothing is remembered by one of them alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase } from '../../src/postgres/database.ts';
import { authorizationCodeHash } from '../../src/tokens/authorization_code.ts';
import {
  apiStatus,
  type BuiltServer,
  CLIENT_ID,
  createOwner,
  OWNER,
  REDIRECT_URI,
  redeem,
  refresh,
  startBuiltServer,
  tokensOf,
} from '../support/fakes/built_server.ts';
import { recordGrants, seedCodes } from '../support/fixtures/codes.ts';
import { createEmptyDatabase } from '../support/fixtures/database.ts';

const ROUNDS = 200;
const PARALLEL = 20;

type EmptyDatabase = Awaited<ReturnType<typeof createEmptyDatabase>>;

describe('two replicas', () => {
  let empty: EmptyDatabase;
  let database: ReturnType<typeof createDatabase>;
  let replicas: [BuiltServer, BuiltServer];
  let owner: ReturnType<typeof tokensOf>;

  beforeAll(async () => {
    empty = await createEmptyDatabase();
    database = createDatabase({ connection: empty.connection, on_error: () => {} });
    const start = () => startBuiltServer({ database: empty.connection });
    replicas = await Promise.all([start(), start()]);
    const code = await createOwner(replicas[0]);
    owner = tokensOf(await redeem(replicas[1], code));
  });
  afterAll(async () => {
    await Promise.all((replicas ?? []).map((server) => server.kill()));
    await database?.close();
    await empty?.drop();
  });

  // C2
  test(`of ${PARALLEL} parallel redemptions of one code one wins, and its grant is revoked, ${ROUNDS} times in a row`, async () => {
    const codes = await seedCodes(database, ROUNDS);
    const grants = await recordGrants(database);
    for (const [round, code] of codes.entries()) {
      const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, index) => redeem(replicas[index % 2]!, code)));
      const [won, ...others] = answers.filter(({ status }) => status === 200);
      const lost = answers.filter(({ status, text }) => status === 400 && JSON.parse(text).error === 'invalid_request');
      expect([others.length, lost.length], `round ${round}`).toEqual([0, PARALLEL - 1]);
      const { access_token, refresh_token } = tokensOf(won!);
      const [here, there] = replicas;
      expect([(await refresh(here, refresh_token)).status, await apiStatus(there, access_token)]).toEqual([400, 401]);
    }
    const rows = await database.kysely
      .selectFrom('authorization_codes')
      .select('refresh_token_id')
      .where('code_hash', 'in', codes.map(authorizationCodeHash))
      .execute();
    expect((await grants.ids()).sort()).toEqual(rows.map(({ refresh_token_id }) => refresh_token_id).sort());
  }, 180_000);

  test('a login begun at one ends at the other', async () => {
    const [here, there] = replicas;
    const request = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] };
    const { flow_id, type } = JSON.parse((await here.post('/auth/login_flow', request)).text);
    expect(type).toBe('form');
    const { username, password } = OWNER;
    const wrong = await there.post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username, password: 'no' });
    expect(JSON.parse(wrong.text)).toMatchObject({ type: 'form', errors: { base: 'invalid_auth' } });
    const right = await here.post(`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username, password });
    const { result } = JSON.parse(right.text);
    expect((await redeem(there, result)).status).toBe(200);
  });

  test('what one revokes the other refuses at once', async () => {
    const [here, there] = replicas;
    expect([await apiStatus(here, owner.access_token), await apiStatus(there, owner.access_token)]).toEqual([200, 200]);
    expect((await here.postForm('/auth/revoke', { token: owner.refresh_token })).status).toBe(200);
    expect([await apiStatus(there, owner.access_token), (await refresh(there, owner.refresh_token)).status]).toEqual([401, 400]);
  });
});

describe('five servers at once on an empty database', () => {
  let empty: EmptyDatabase;
  let servers: BuiltServer[] = [];

  beforeAll(async () => {
    empty = await createEmptyDatabase();
    servers = await Promise.all(Array.from({ length: 5 }, () => startBuiltServer({ database: empty.connection })));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await empty?.drop();
  });

  test('one of them brings the tables up to date, and all are ready', async () => {
    const migrations = servers.map((server) => server.output().match(/applied migration/g)?.length ?? 0);
    expect(migrations.filter((count) => count > 0)).toHaveLength(1);
    expect(await Promise.all(servers.map(async (server) => (await server.request('/readyz')).status))).toEqual([200, 200, 200, 200, 200]);
  });

  test('any of them accepts the setup link once, and verifies what another signed', async () => {
    const links = new Set(servers.map((server) => /onboarding\?token=[\w-]+/.exec(server.output())?.[0]));
    expect(links.size).toBe(1);
    const made = await Promise.allSettled(servers.map(createOwner));
    const codes = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(codes).toHaveLength(1);
    const { access_token } = tokensOf(await redeem(servers[0]!, codes[0]!));
    expect(await Promise.all(servers.map((server) => apiStatus(server, access_token)))).toEqual([200, 200, 200, 200, 200]);
  });
});
