// The OpenAPI document: valid, complete, and true: its examples run, its schemas fit the answers, a
// client made from it works.
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { LightMyRequestResponse } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { routesOf } from '../../support/checks/routes.ts';
import { type Call, callerWith } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, OWNER, startServer } from '../../support/fixtures/server.ts';
import { example, PASSWORD } from '../../support/fixtures/someone.ts';
import { enrolTotp } from '../../support/fixtures/totp.ts';

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  parameters: { name: string; in: 'path' | 'query' }[];
  requestBody?: { content: { 'application/json': { example?: object } } };
  security: { bearer: string[] }[];
  responses: Record<string, { content?: { 'application/json': { schema: object } } }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: object;
}

let owner: Call;
let document: Document;
const server = perFile(() =>
  startServer({
    config: {
      url_clients: { policy: 'approve' },
      auth_providers: [
        { type: 'homeassistant' },
        { type: 'ldap', id: 'office', name: 'Office', url: 'ldaps://ldap.example.com', base_dn: 'dc=example,dc=com' },
        example('pending', 'another'),
      ],
      auth_mfa_modules: [{ type: 'totp' }],
    },
  }),
);
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  document = (await server.inject({ url: '/api/openapi.json' })).json();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase() as 'GET', operation })),
  );

const REFUSE = ['postUrlClientsRefuse', 'postApprovalsRefuse'];
const RENAME = 'patchMeMfaEnrolmentsByEnrolmentId';

/** Somebody's first login, which waits for approval. */
async function newcomer(username: string): Promise<string> {
  const login = { username, password: PASSWORD };
  await server.login(login, { handler: ['insecure_example', null] }).catch(() => {});
  const { users } = (await owner('GET', '/api/approvals')).json();
  return users[0].id;
}

it('is a valid document, without a login', async () => {
  const { valid, errors } = await new Validator().validate({ ...document });
  expect([errors, valid]).toEqual([undefined, true]);
});

it('is the same for every installation', async () => {
  const groups = [{ id: 'secret', name: 'Secret', policy: {} }];
  const other = await startServer({ config: { approvals: { by: 'administrators' }, groups, auth_mfa_modules: [] } });
  const answer = await other.inject({ url: '/api/openapi.json' });
  await other.close();
  expect(answer.json()).toEqual(document);
});

it('names every route of the JSON API, with who may call it and which errors it has', async () => {
  const ours = (await routesOf(server)).flatMap(({ url, methods }) =>
    methods.filter((method) => method !== 'HEAD' && method !== 'OPTIONS').map((method) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`),
  );
  const other = ['GET /api/', 'GET /api/websocket', 'GET /api/openapi.json', 'GET /api/onboarding', 'POST /api/onboarding/users'];
  const documented = operations().map(({ path, method }) => `${method} ${path}`);
  expect(documented.length).toBeGreaterThan(40);
  expect(ours.filter((route) => route.includes(' /api') && !other.includes(route)).sort()).toEqual(documented.sort());
  for (const { operation } of operations()) {
    expect(operation.summary).toMatch(/^[A-Z].+[^.]$/);
    expect(operation.description).toMatch(/^Who may: /);
    expect(operation.security).toEqual([{ bearer: expect.toSatisfy((roles: string[]) => roles.length <= 1) }]);
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '401', '403', '503']));
  }
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

interface Inputs {
  path?: Record<string, string>;
  body?: unknown;
}

/** A client made from the document: calls an operation and checks the answer against its schema. */
function clientOf(call: Call) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const known = new Map(operations().map((each) => [each.operation.operationId, each]));
  return async (id: string, inputs: Inputs = {}): Promise<LightMyRequestResponse> => {
    const found = known.get(id);
    if (!found) throw new Error(`the document has no operation ${id}`);
    const url = found.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(inputs.path?.[name] ?? ''));
    const answer = await call(found.method, url, inputs.body);
    const described = found.operation.responses[answer.statusCode];
    if (!described) throw new Error(`${id}: ${answer.statusCode} is not in the document: ${answer.body}`);
    const schema = described.content?.['application/json'].schema;
    if (schema && !ajv.validate({ ...schema, components: document.components }, answer.json()))
      throw new Error(`${id}: ${ajv.errorsText()}: ${answer.body}`);
    return answer;
  };
}

it('a client made from it approves somebody who waits', async () => {
  const client = clientOf(owner);
  const id = await newcomer('another');
  const { users } = (await client('getApprovals')).json();
  expect(users).toMatchObject([{ id }]);
  const approved = await client('postUsersByUserIdApprove', { path: { user_id: id }, body: { group_ids: ['system-users'] } });
  expect(approved.json()).toMatchObject({ id, is_active: true, is_pending: false });
  expect((await client('getApprovals')).json().users).toEqual([]);
});

it('an error carries its code, its message and its reference', async () => {
  const client = clientOf(owner);
  const missing = await client('getUsersByUserId', { path: { user_id: 'nobody' } });
  expect([missing.statusCode, missing.json()]).toEqual([
    404,
    { code: 'not_found', message: 'User not found', error_ref: expect.any(String) },
  ]);
});

it('every GET of the owner is answered as its schema says', async () => {
  const client = clientOf(owner);
  const id = await newcomer('pending');
  await owner('POST', '/api/clients', { client_id: 'described', redirect_uris: ['https://a.example/cb'] });
  const gets = operations().filter(({ method }) => method === 'GET');
  for (const { operation } of gets)
    expect((await client(operation.operationId, { path: { user_id: id, client_id: 'described', app: 'grafana' } })).statusCode).toBe(200);
  expect(gets.length).toBeGreaterThan(10);
});

it('a request without a token is refused as its schema says', async () => {
  expect((await clientOf(callerWith(server, undefined))('getApprovals')).statusCode).toBe(401);
});

describe('its examples', () => {
  let path: Record<string, string>;
  beforeAll(async () => {
    await server.login(OWNER).catch(() => {});
    const bob = (await owner('POST', '/api/users', { name: 'Bob' })).json().id;
    const { client_id } = (await owner('POST', '/api/clients', { client_name: 'Fixture', redirect_uris: ['https://a.example/cb'] })).json();
    const { items } = (await owner('GET', '/api/me/refresh_tokens')).json();
    path = {
      user_id: bob,
      client_id,
      refresh_token_id: items[0].id,
      mfa_module_id: 'totp',
      key: 'homeassistant',
    };
  });

  it('all run', async () => {
    const client = clientOf(owner);
    const ran: [string, number][] = [];
    for (const { operation } of operations()) {
      const body = operation.requestBody?.content['application/json'].example;
      if (body === undefined) continue;
      // These come last: the one needs an enrolment, after which this login is not fresh, the other
      // revokes the caller's token.
      if (operation.operationId === RENAME || REFUSE.includes(operation.operationId)) continue;
      const user_id = operation.operationId === 'postUsersByUserIdApprove' ? await newcomer('pending') : (path.user_id ?? '');
      const answer = await client(operation.operationId, { path: { ...path, user_id }, body });
      ran.push([`${operation.operationId} ${answer.body}`, answer.statusCode]);
    }
    await enrolTotp(owner, server.clock());
    const [enrolment] = (await owner('GET', '/api/me/mfa')).json().enrolments;
    const renamed = await client(RENAME, { path: { enrolment_id: enrolment.id }, body: { name: 'Phone' } });
    ran.push([`${RENAME} ${renamed.body}`, renamed.statusCode]);
    const last = REFUSE.at(-1) ?? '';
    const refused = await client(last, { body: { client_id: CLIENT_ID } });
    ran.push([`${last} ${refused.body}`, refused.statusCode]);
    expect(ran.filter(([, status]) => status >= 300)).toEqual([]);
    expect(ran.length).toBeGreaterThan(18);
  });

  it('exist for every route with a body', () => {
    const without = operations().filter(
      ({ operation: { requestBody } }) => requestBody && !requestBody.content['application/json'].example,
    );
    expect(without.map(({ operation }) => operation.operationId)).toEqual([]);
  });
});
