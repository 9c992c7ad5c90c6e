import { beforeAll, expect, it } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { createLoginFlowRepository, type LoginFlowRepository } from '../../src/repository/login_flows.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { aLoginFlow, FLOW_START } from '../support/fixtures/login_flow.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { quotaOf } from '../support/fixtures/row_quota.ts';

let flows: LoginFlowRepository;
const now = FLOW_START;

const test = perFile(() => createTestDatabase());
beforeAll(() => {
  flows = createLoginFlowRepository(test.database);
});

const open = (flow = aLoginFlow(), network = flow.id) => flows.open(flow, quotaOf(network));

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
it('a network has a hundred flows and no more; expired ones make room', async () => {
  for (let n = 0; n < 100; n += 1) await open(aLoginFlow(), 'net');
  expect(await open(aLoginFlow(), 'net')).toBe(false);
  expect(await open(aLoginFlow(), 'other net')).toBe(true);
  expect(await open(aLoginFlow({ created_at: addSeconds(now, 600) }), 'net')).toBe(true);
});

it('a flow remembers when a person first answered it', async () => {
  const flow = aLoginFlow();
  await open(flow);
  for (const seconds of [5, 6]) await flows.findSubmitted({ id: flow.id, now: addSeconds(now, seconds) });
  expect(await flows.find({ id: flow.id, now })).toEqual([{ ...flow, typed_at: addSeconds(now, 5) }]);
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
