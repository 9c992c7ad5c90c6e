import { beforeAll, expect, it } from 'vitest';
import { randomId, sha256 } from '../../src/domain/secret.ts';
import type { NewAuthorizationCode } from '../../src/repository/authorization_codes.ts';
import { createFinishedLoginRepository, type FinishedLoginRepository } from '../../src/repository/finish_login.ts';
import { createLoginFlowRepository } from '../../src/repository/login_flows.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { aLoginFlow, FLOW_START } from '../support/fixtures/login_flow.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { quotaOf } from '../support/fixtures/row_quota.ts';

let finish: FinishedLoginRepository;

const test = perFile(() => createTestDatabase());
beforeAll(() => {
  finish = createFinishedLoginRepository(test.database);
});

async function storedFlow() {
  const flow = aLoginFlow();
  await createLoginFlowRepository(test.database).open(flow, quotaOf('net'));
  return flow;
}

function aCode(): NewAuthorizationCode {
  const identity = JSON.stringify({ subject: 'ann', data: {}, name: null, amr: [] });
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const where = { client_id: 'https://app.example/', redirect_uri: null, remote_address: '198.51.100.7', code_challenge: null };
  const times = { auth_time: FLOW_START, created_at: FLOW_START, expires_at: FLOW_START };
  return {
    code_hash: sha256(randomId()),
    purpose: 'link_user',
    user_id: null,
    credential_id: null,
    identity,
    ...provider,
    ...where,
    amr: ['pwd'],
    ...times,
  };
}

const rows = async (table: 'login_flows' | 'authorization_codes') =>
  (await test.database.kysely.selectFrom(table).selectAll().execute()).length;

it('of twenty parallel ends of one flow one gets its code, and the flow is gone', async () => {
  const flow = await storedFlow();
  const issued = await Promise.all(Array.from({ length: 20 }, () => finish.issueForFlow(flow, aCode())));
  expect(issued.filter(Boolean)).toHaveLength(1);
  expect([await rows('login_flows'), await rows('authorization_codes')]).toEqual([0, 1]);
});

it('a flow that has moved on keeps its row and gets no code', async () => {
  const flow = await storedFlow();
  const before = await rows('authorization_codes');
  expect(await finish.issueForFlow({ ...flow, version: 1 }, aCode())).toBe(false);
  expect([await rows('login_flows'), await rows('authorization_codes')]).toEqual([1, before]);
});

it('a code that cannot be stored leaves the flow', async () => {
  const flow = await storedFlow();
  const before = await rows('login_flows');
  await expect(finish.issueForFlow(flow, { ...aCode(), purpose: 'authorize' })).rejects.toThrow();
  expect(await rows('login_flows')).toBe(before);
});
