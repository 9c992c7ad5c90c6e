import { afterAll, beforeAll, expect, it } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { createLoginFlows, type LoginFlows } from '../../src/repository/login_flows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { aLoginFlow, FLOW_START } from '../support/login_flow.ts';

let test: TestDatabase;
let flows: LoginFlows;
const now = FLOW_START;

beforeAll(async () => {
  test = await createTestDatabase();
  flows = createLoginFlows(test.database);
});
afterAll(() => test.close());

const open = (flow = aLoginFlow(), network = flow.id, limit = 100) => flows.open(flow, { network, limit });

it('a flow is found as it was stored, until it expires', async () => {
  const flow = aLoginFlow({
    browser_hash: Buffer.alloc(32, 7),
    code_challenge: 'challenge',
    provider_state: { a: [1] },
    page: { query: 'state=a%20b', keep: true },
    came_back: { code: 'c' },
    auth_provider_id: 'office',
  });
  await open(flow);
  expect(await flows.find({ id: flow.id, now })).toEqual([flow]);
  expect(await flows.find({ id: flow.id, now: flow.expires_at })).toEqual([]);
});

// N12
it('a network has so many open flows and no more; expired ones do not count', async () => {
  for (const at of [0, 1]) await open(aLoginFlow({ created_at: addSeconds(now, at) }), 'net', 2);
  expect(await open(aLoginFlow(), 'net', 2)).toBe(false);
  expect(await open(aLoginFlow(), 'other net', 2)).toBe(true);
  expect(await open(aLoginFlow({ created_at: addSeconds(now, 600) }), 'net', 2)).toBe(true);
});

it('of two parallel advances from one version one wins', async () => {
  const flow = aLoginFlow();
  await open(flow);
  const identity = { subject: 'ann', data: { username: 'ann' }, name: 'ann', amr: ['pwd'] };
  const won = await Promise.all([flows.advance({ ...flow, identity }), flows.advance({ ...flow, step_id: 'mfa' })]);
  expect(won.filter(Boolean)).toHaveLength(1);
  const [stored] = await flows.find({ id: flow.id, now });
  expect(stored).toEqual({ ...flow, ...(won[0] ? { identity } : { step_id: 'mfa' }), version: 1 });
});

it('a flow is taken once, and only in the version that was read', async () => {
  const flow = aLoginFlow();
  await open(flow);
  expect(await flows.take({ ...flow, version: 1 })).toBe(false);
  const taken = await Promise.all([flows.take(flow), flows.take(flow)]);
  expect(taken.filter(Boolean)).toHaveLength(1);
});

it('a flow is aborted once; an expired one is not there to abort', async () => {
  const flow = aLoginFlow();
  await open(flow);
  expect(await flows.abort({ id: flow.id, now: flow.expires_at })).toBe(false);
  const again = aLoginFlow();
  await open(again);
  expect(await flows.abort({ id: again.id, now })).toBe(true);
  expect(await flows.abort({ id: again.id, now })).toBe(false);
});
