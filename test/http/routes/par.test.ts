import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_DEFAULTS } from '../../../src/domain/client_metadata.ts';
import {
  REQUEST_PARAMETERS,
  readClientId,
  readRedirectUri,
  readResponseTarget,
  readStandardRequest,
} from '../../../src/domain/standard_request.ts';
import { CLIENT_ID, REDIRECT_URI, startServer, type TestServer } from '../../support/fixtures/server.ts';

const REQUEST = {
  ...{ client_id: CLIENT_ID, response_type: 'code', redirect_uri: REDIRECT_URI, scope: 'openid', state: 'a state' },
  ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
};

let open: TestServer;
let closed: TestServer;
beforeAll(async () => {
  open = await startServer();
  closed = await startServer({ config: { url_clients: { policy: 'refuse' } } });
  for (const server of [open, closed]) await server.createOwner();
});
afterAll(async () => {
  for (const server of [open, closed]) await server.close();
});

const push = (server: TestServer, form: Record<string, string> = {}, url = '/auth/par') =>
  server.inject({ method: 'POST', url, form: { ...REQUEST, ...form } });
const stored = (server: TestServer) => server.container.database.kysely.selectFrom('pushed_authorization_requests').selectAll().execute();

// S13
describe('a pushed request', () => {
  it('keeps the parameters that are read and no other, and expires in under ten minutes', async () => {
    const answer = await push(open, { padding: 'x'.repeat(50_000), auth_provider: 'oidc:', client_assertion_type: 'y' });
    expect(answer.statusCode).toBe(201);
    expect(answer.json().expires_in).toBeLessThan(600);
    const [row, ...others] = await stored(open);
    expect([row?.parameters, others]).toEqual([REQUEST, []]);
  });

  it('is refused when what would be kept of it is too long', async () => {
    const answer = await push(open, { id_token_hint: 'x'.repeat(20_000) });
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request']);
  });

  it.each(['/auth/par', '/auth/device_authorization'])('of a client that the policy refuses stores nothing (%s)', async (url) => {
    const answer = await push(closed, {}, url);
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'unauthorized_client']);
    expect(await stored(closed)).toEqual([]);
    expect(await closed.container.database.kysely.selectFrom('device_codes').select('client_id').execute()).toEqual([]);
  });
});

it('no parameter is read that a pushed request does not keep', () => {
  const read = new Set<string>();
  class Recorded extends URLSearchParams {
    override get(name: string) {
      read.add(name);
      return super.get(name);
    }
    override getAll(name: string) {
      read.add(name);
      return super.getAll(name);
    }
  }
  const query = new Recorded(REQUEST);
  const client = {
    ...CLIENT_DEFAULTS,
    client_id: CLIENT_ID,
    kind: 'url' as const,
    scope: ['openid'],
    token_endpoint_auth_method: 'none' as const,
  };
  readClientId(query);
  readStandardRequest(query, client, readResponseTarget(query, readRedirectUri(query), client), 'https://auth.example.com');
  expect([...read].filter((name) => !REQUEST_PARAMETERS.includes(name))).toEqual([]);
});
