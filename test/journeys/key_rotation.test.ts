// Keys rotate while apps log people in and refresh, at two processes. An app never meets a token
// whose key it cannot find: openid-client verifies every one, with the keys that the other process
// publishes. LATCHKEY_TEST_KEY_ROTATION_SECONDS=120 makes it longer.
import { setTimeout as pause } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createSigningKeyRepository } from '../../src/repository/signing_keys.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { createKeyring, type Keyring } from '../../src/tokens/keyring.ts';
import { authorizeUrl, fetchFrom, ISSUER, standardBrowser } from '../support/clients/standard_browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { type Replicas, startReplicas } from '../support/fixtures/replicas.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';

const SECONDS = Number(process.env.LATCHKEY_TEST_KEY_ROTATION_SECONDS ?? 12);
/** Seconds from the publication of a key to its first use: what a process takes to hear of it. */
const LEAD = 5;
const ALGORITHMS = ['RS256', 'ES256'] as const;
const APPS = 6;

const kidOf = (id_token: string) => decodeProtectedHeader(id_token).kid!;

type Ask = (url: string, init: object) => Promise<Response>;

/** An app that was started just now, so one that asks for the keys anew. */
async function newApp(client_id: string, ask: Ask): Promise<client.Configuration> {
  const metadata = { id_token_signed_response_alg: client_id };
  const rp = await client.discovery(new URL(ISSUER), client_id, metadata, client.None(), { [client.customFetch]: ask });
  client.enableNonRepudiationChecks(rp);
  return rp;
}

describe('every five seconds, with two processes', () => {
  let replicas: Replicas;
  let keyring: Keyring;

  beforeAll(async () => {
    replicas = await startReplicas();
    keyring = await createKeyring({
      signingKeys: createSigningKeyRepository(replicas.database),
      sealer: createSealer({ secret_key: 'only for tests, and long enough for it' }),
      clock: () => new Date(),
    });
  });
  afterAll(async () => {
    await keyring?.close();
    await replicas?.close();
  });

  /** Tokens come from one process, everything else from the other. */
  function askOf(turn: number): Ask {
    const [here, there] = replicas.servers.map(({ url }) => url) as [string, string];
    const origin = (url: string) => (url.includes('/auth/token') === (turn % 2 === 0) ? here : there);
    return async (url, init) => await fetch(url.replace(ISSUER, origin(url)), init);
  }

  async function live(client_id: string, until: number, kids: Set<string>): Promise<number> {
    let { refresh_token } = await replicas.newGrant(client_id);
    let turn = 0;
    for (; performance.now() < until; turn++) {
      const rp = await newApp(client_id, askOf(turn));
      const tokens = await client.refreshTokenGrant(rp, refresh_token);
      const { sub } = await client.fetchUserInfo(rp, tokens.access_token, tokens.claims()!.sub);
      expect(sub).toBe(tokens.claims()!.sub);
      kids.add(kidOf(tokens.id_token!));
      refresh_token = tokens.refresh_token!;
    }
    return turn;
  }

  test('the first tokens of all are verified with the keys that the other process publishes', async () => {
    for (const algorithm of ALGORITHMS) {
      const rp = await newApp(algorithm, askOf(0));
      const { refresh_token } = await replicas.newGrant(algorithm);
      expect(kidOf((await client.refreshTokenGrant(rp, refresh_token)).id_token!)).toMatch(/./);
    }
  });

  // E8
  test(
    `no token fails, for ${SECONDS} s`,
    async () => {
      const until = performance.now() + SECONDS * 1000;
      const kids = new Set<string>();
      let rotations = 0;
      const rotate = async () => {
        for (; performance.now() < until; rotations++) {
          for (const algorithm of ALGORITHMS) await keyring.rotate({ algorithm, signs_in: LEAD });
          await pause(LEAD * 1000 + 10);
        }
      };
      const apps = Array.from({ length: APPS }, (_, index) => live(ALGORITHMS[index % 2]!, until, kids));
      const [rounds] = await Promise.all([Promise.all(apps), rotate()]);
      const verified = rounds.reduce((sum, count) => sum + count, 0);
      console.info(`${verified} ID tokens verified by ${APPS} apps, ${kids.size} keys signed, ${rotations} rotations in ${SECONDS} s`);
      expect(verified).toBeGreaterThan(SECONDS);
      expect(kids.size).toBeGreaterThanOrEqual(2 * Math.floor(SECONDS / (LEAD + 1)));
    },
    (SECONDS + 60) * 1000,
  );
});

describe('as often as they can, with apps that keep the keys for as long as openid-client does', () => {
  let db: TestDatabase;
  let replicas: TestServer[] = [];
  let now = new Date();
  afterEach(async () => {
    vi.useRealTimers();
    for (const server of replicas) await server.close();
    await db?.close();
  });

  // E8
  test('no token fails in two hours, in which a key comes every ten minutes', async () => {
    db = await createTestDatabase();
    const clients = ALGORITHMS.map((id) => ({ client_id: id, redirect_uris: [CALLBACK], id_token_signed_response_alg: id, trusted: true }));
    const options = { database: db.database, clock: () => now, config: { clients, http: { ip_ban_enabled: false } } };
    replicas = [await startServer(options), await startServer(options)];
    await replicas[0]!.createOwner();
    for (const algorithm of ALGORITHMS) for (const { container } of replicas) await container.keyring.ready(algorithm);
    const [asking, publishing] = replicas.map((server) => fetchFrom(server)) as [Ask, Ask];
    const ask: Ask = (url, init) => (url.includes('/jwks') ? publishing : asking)(url, init);
    vi.useFakeTimers({ toFake: ['Date'], now });
    const kids = new Set<string>();
    const apps = await Promise.all(
      ALGORITHMS.map(async (client_id) => {
        const rp = await newApp(client_id, ask);
        const back = await standardBrowser(replicas[0]!).authorize(authorizeUrl({ client_id, state: undefined }));
        const { refresh_token = '' } = await client.authorizationCodeGrant(rp, back, { pkceCodeVerifier: VERIFIER });
        return { rp, refresh_token };
      }),
    );
    for (let minute = 0; minute < 120; minute++) {
      now = new Date(now.getTime() + 60_000);
      vi.setSystemTime(now);
      // Every process looks for news every few seconds; here the one that publishes is the last to
      // hear of it.
      if (minute % 10 === 0) for (const algorithm of ALGORITHMS) await replicas[0]!.container.keyring.rotate({ algorithm });
      for (const app of apps) {
        const { id_token = '', refresh_token = '' } = await client.refreshTokenGrant(app.rp, app.refresh_token);
        kids.add(kidOf(id_token));
        app.refresh_token = refresh_token;
      }
      await replicas[1]!.container.keyring.refresh();
    }
    expect(kids.size).toBeGreaterThanOrEqual(22);
  }, 90_000);
});
