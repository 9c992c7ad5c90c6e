// kill -9 of the server in the middle of exchanges: a code is spent with its grant or not at all,
// and who was answered holds what the database knows. 30 kills, in CI 200: a server must start for
// each of them.
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../../src/postgres/database.ts';
import { authorizationCodeHash } from '../../src/tokens/authorization_code.ts';
import { refreshTokenHash } from '../../src/tokens/refresh_token.ts';
import { type BuiltServer, createOwner, redeem, refresh, startBuiltServer, tokensOf } from '../support/fakes/built_server.ts';
import { recordGrants, seedCodes } from '../support/fixtures/codes.ts';
import { createEmptyDatabase } from '../support/fixtures/database.ts';

const KILLS = process.env.CI === 'true' ? 200 : 30;
/** Exchanges that are under way at each kill. */
const BATCH = 12;
/** Servers that start while another one is killed. */
const IN_WAITING = 2;
const LATEST_MS = 50;

/** What a client knows of its code: the tokens it was answered, or nothing. */
interface Entry {
  code: string;
  tokens: ReturnType<typeof tokensOf> | null;
}

let empty: Awaited<ReturnType<typeof createEmptyDatabase>>;
let database: ReturnType<typeof createDatabase>;
const started: BuiltServer[] = [];

async function start(): Promise<BuiltServer> {
  const server = await startBuiltServer({ database: empty.connection });
  started.push(server);
  return server;
}

beforeAll(async () => {
  empty = await createEmptyDatabase();
  database = createDatabase({ connection: empty.connection, application_name: 'test', on_error: () => {} });
  await createOwner(await start());
});
afterAll(async () => {
  await Promise.all(started.map((server) => server.kill()));
  await database?.close();
  await empty?.drop();
});

/** The same sequence in every run (Lehmer's generator). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

async function exchange(server: BuiltServer, code: string): Promise<Entry> {
  const answer = await redeem(server, code).catch(() => null);
  return { code, tokens: answer && tokensOf(answer) };
}

/** One exchange that ends, so that everything it needs is warm; then a batch, and the kill. */
async function killAmidst(server: BuiltServer, [first = '', ...batch]: string[], delay: number): Promise<Entry[]> {
  const before = await exchange(server, first);
  const amidst = batch.map((code) => exchange(server, code));
  await pause(delay);
  await server.kill();
  return [before, ...(await Promise.all(amidst))];
}

/** What a killed server had sent to the database is carried out nevertheless. */
async function untilQuiet(): Promise<void> {
  await Promise.all(started.map((server) => server.kill()));
  const count = sql<{
    count: number;
  }>`select count(*) from pg_stat_activity where datname = current_database() and application_name = 'latchkey'`;
  while ((await count.execute(database.kysely)).rows[0]?.count !== 0) await pause(20);
}

/** Every code by its hash, with its grant if that is valid. */
async function codesInDatabase() {
  const rows = await database.kysely
    .selectFrom('authorization_codes as c')
    .leftJoin('refresh_tokens as r', 'r.id', 'c.refresh_token_id')
    .select(['c.code_hash', 'c.spent_at', 'c.refresh_token_id', 'r.id as grant', 'r.token_hash'])
    .execute();
  return new Map(rows.map(({ code_hash, ...row }) => [code_hash.toString('hex'), row]));
}

// X1
test(`${KILLS} kills leave no code with two grants, and nobody with tokens that are unknown`, async () => {
  const codes = await seedCodes(database, KILLS * (BATCH + 1));
  const grants = await recordGrants(database);
  const random = createRandom(20_260_314);
  const waiting = Array.from({ length: IN_WAITING }, start);
  const ledger: Entry[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const server = await waiting.shift()!;
    waiting.push(start());
    ledger.push(...(await killAmidst(server, codes.splice(0, BATCH + 1), random() * LATEST_MS)));
  }
  await Promise.all(waiting);
  await untilQuiet();

  const stored = await codesInDatabase();
  const found = ledger.map((entry) => ({ ...entry, row: stored.get(authorizationCodeHash(entry.code).toString('hex'))! }));
  // A code and its grant, or neither; and no grant besides.
  for (const { row } of found) expect([row.refresh_token_id !== null, row.grant]).toEqual([row.spent_at !== null, row.refresh_token_id]);
  expect((await grants.ids()).sort()).toEqual(found.flatMap(({ row }) => row.refresh_token_id ?? []).sort());
  const answered = found.filter(({ tokens }) => tokens !== null);
  for (const { row, tokens } of answered) expect(row.token_hash).toEqual(refreshTokenHash(tokens!.refresh_token));

  // Anyone who was not answered asks again: the code is good for one grant, or it is spent and its
  // grant ends. Nothing is left to nobody.
  const server = await start();
  const lost = found.filter(({ tokens }) => tokens === null);
  for (const { code, row } of lost) expect((await redeem(server, code)).status).toBe(row.spent_at === null ? 200 : 400);
  for (const { tokens } of answered) expect((await refresh(server, tokens!.refresh_token)).status).toBe(200);
  const unspent = lost.filter(({ row }) => row.spent_at === null);
  const living = await database.kysely.selectFrom('refresh_tokens').select('id').execute();
  expect(living).toHaveLength(answered.length + unspent.length);
  // The kills came neither always too early nor always too late.
  console.log({ answered: answered.length, lost: lost.length, unspent: unspent.length });
  expect([answered.length > KILLS, lost.length > 0]).toEqual([true, true]);
}, 900_000);
