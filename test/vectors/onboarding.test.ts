// The first owner, on servers that nobody owns yet.
import { afterEach, beforeEach, expect } from 'vitest';
import { expectAnswer, runArea, send } from '../support/clients/vector_driver.ts';
import { type Vector, vectors } from '../support/clients/vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';

const CLIENT = 'https://example.com/app';

let db: TestDatabase;
let server: TestServer;
beforeEach(async () => {
  db = await createTestDatabase();
  server = await startServer({ database: db.database });
});
afterEach(async () => {
  await server.close();
  await db.close();
});

async function run({ given, request, expect: want }: Vector): Promise<void> {
  if (given.done?.includes('user')) await server.createOwner();
  if (given['owner already exists at start, nothing done']) await restartWithOwner();
  const answer = await send(server, request, { headers: { 'x-setup-token': server.container.onboarding.setupToken() } });
  expectAnswer(answer, want);
  if (want.first) expect(answer.json()[0]).toEqual(want.first);
  if (!want.user) return;
  const { access_token: token } = await server.redeem(answer.json().auth_code, CLIENT);
  const [user] = (await server.inject({ url: '/api/users', token })).json().items;
  expect(user).toMatchObject({ ...want.user, credentials: [{ type: 'homeassistant', id: null }] });
}

async function restartWithOwner(): Promise<void> {
  await server.createOwner();
  await server.close();
  server = await startServer({ database: db.database });
}

/** What does not exist here is not found, which Home Assistant's front-end takes for done. */
const notThere = (id: string) => async () => {
  const { access_token: token } = await server.ownerTokens();
  const { request } = vectors('onboarding').find((vector) => vector.id === id)!;
  expect((await send(server, request, { token })).statusCode).toBe(404);
};

runArea('onboarding', run, {
  'onboarding-005': async () => {
    await server.createOwner();
    expect((await server.inject({ url: '/api/onboarding' })).json()).toEqual([{ step: 'user', done: true }]);
  },
  ...Object.fromEntries(['onboarding-006', 'onboarding-007', 'onboarding-008', 'onboarding-010'].map((id) => [id, notThere(id)])),
});
