// The built server under every Node it is meant for: LATCHKEY_TEST_NODES names their programs, with
// colons between.
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  apiStatus,
  CLIENT_ID,
  createOwner,
  OWNER,
  REDIRECT_URI,
  redeem,
  refresh,
  startBuiltServer,
  tokensOf,
} from '../support/fakes/built_server.ts';
import { createEmptyDatabase } from '../support/fixtures/database.ts';

const named = (process.env.LATCHKEY_TEST_NODES ?? '').split(':').filter((path) => path !== '');
const nodes = [process.execPath, ...named].map((node) => ({
  node,
  version: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(),
}));

if (process.env.CI === 'true') {
  test('CI runs three lines of Node', () => {
    const lines = nodes.map(({ version }) => version.split('.')[0]);
    expect(lines).toEqual(expect.arrayContaining(['v20', 'v22', 'v24']));
  });
}

let empty: Awaited<ReturnType<typeof createEmptyDatabase>>;

beforeEach(async () => {
  empty = await createEmptyDatabase();
});
afterEach(() => empty.drop());

for (const { node, version } of nodes) {
  test(`${version}: the owner is made, logs in, refreshes and revokes`, async () => {
    const server = await startBuiltServer({ database: empty.connection, node });
    try {
      await createOwner(server);
      const handler = ['homeassistant', null];
      const begun = await server.post('/auth/login_flow', { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler });
      const { username, password } = OWNER;
      const login = await server.post(`/auth/login_flow/${JSON.parse(begun.text).flow_id}`, { client_id: CLIENT_ID, username, password });
      const { access_token, refresh_token } = tokensOf(await redeem(server, JSON.parse(login.text).result));
      const refreshed = tokensOf(await refresh(server, refresh_token));
      expect(await apiStatus(server, refreshed.access_token)).toBe(200);
      expect((await server.postForm('/auth/revoke', { token: refresh_token })).status).toBe(200);
      const ended = [
        await apiStatus(server, access_token),
        await apiStatus(server, refreshed.access_token),
        (await refresh(server, refresh_token)).status,
      ];
      expect(ended).toEqual([401, 401, 400]);
    } finally {
      await server.kill();
    }
  });
}
