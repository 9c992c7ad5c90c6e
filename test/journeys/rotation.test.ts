// Refresh tokens that rotate, at two processes at once: one successor within the grace time, one
// winner without; and a token that was used ends its grant whenever it comes back, also at a server
// that was not there when it was used.
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createJanitor } from '../../src/repository/janitor.ts';
import { tokensOf } from '../support/fakes/built_server.ts';
import { type Replicas, startReplicas } from '../support/fixtures/replicas.ts';

const PARALLEL = 20;
const DAY = 86_400;

let replicas: Replicas;
afterEach(() => replicas?.close());

async function race(refresh_token: string) {
  const { servers, refresh } = replicas;
  const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, turn) => refresh(servers[turn % 2]!, refresh_token)));
  return { won: answers.filter(({ status }) => status === 200).map(tokensOf), lost: answers.filter(({ status }) => status !== 200) };
}

const grants = () => replicas.database.kysely.selectFrom('refresh_tokens').select('id').where('client_id', '=', 'RS256').execute();
const userinfo = async (access_token: string) =>
  (await replicas.servers[0]!.request('/auth/userinfo', { headers: { authorization: `Bearer ${access_token}` } })).status;

// D3, D8, D13
test('within the grace time all get the same successor; after it, and after a restart, a used token ends the grant', async () => {
  replicas = await startReplicas({ LATCHKEY_TOKENS_REFRESH_TOKEN_GRACE: '10s' });
  for (let round = 0; round < 5; round++) {
    const { won, lost } = await race((await replicas.newGrant()).refresh_token);
    expect([won.length, lost]).toEqual([PARALLEL, []]);
    expect(new Set(won.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    for (const { access_token } of won) expect(await userinfo(access_token)).toBe(200);
  }
  const { refresh_token } = await replicas.newGrant();
  const { refresh_token: next, access_token } = tokensOf(await replicas.refresh(replicas.servers[1]!, refresh_token));
  const before = (await grants()).length;
  // The time that a restart takes is not waited for.
  await replicas.database.kysely
    .updateTable('refresh_tokens')
    .set({ rotated_at: new Date(Date.now() - 11_000) })
    .where('client_id', '=', 'RS256')
    .execute();
  const restarted = await replicas.restart();
  for (const token of [refresh_token, next]) {
    const answer = await replicas.refresh(restarted, token);
    expect([answer.status, JSON.parse(answer.text).error]).toEqual([400, 'invalid_grant']);
  }
  expect([await userinfo(access_token), (await grants()).length]).toEqual([401, before - 1]);
}, 90_000);

// D7, D14
test('without a grace time one of 20 wins and nothing stays alive; the janitor takes no evidence away', async () => {
  replicas = await startReplicas({ LATCHKEY_TOKENS_REFRESH_TOKEN_GRACE: '0s' });
  for (let round = 0; round < 10; round++) {
    const { won, lost } = await race((await replicas.newGrant()).refresh_token);
    expect([won.length, lost.length]).toEqual([1, PARALLEL - 1]);
    for (const { status, text } of lost) expect([status, JSON.parse(text).error]).toEqual([400, 'invalid_grant']);
    expect([await userinfo(won[0]!.access_token), await grants()]).toEqual([401, []]);
  }
  const { refresh_token } = await replicas.newGrant();
  const { access_token } = tokensOf(await replicas.refresh(replicas.servers[1]!, refresh_token));
  const limits = { pending_lifetime: DAY, audit_retention: DAY, failure_lifetime: DAY };
  const audit = { insert: () => Promise.resolve() };
  const clock = () => new Date(Date.now() + 5 * DAY * 1000);
  await createJanitor({ database: replicas.database, clock, audit, on_error: () => {}, ...limits }).run();
  await pause(20);
  expect([await userinfo(access_token), (await grants()).length]).toEqual([200, 1]);
  expect((await replicas.refresh(replicas.servers[0]!, refresh_token)).status).toBe(400);
  expect([await userinfo(access_token), await grants()]).toEqual([401, []]);
}, 90_000);
