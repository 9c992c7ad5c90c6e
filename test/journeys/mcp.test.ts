// The way of an MCP client to an MCP server that Latchkey protects (Model Context Protocol,
// Authorization): the client knows nothing but the server's URL, and finds everything else by the
// documents that the standards name. With a strict client library, and without any.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const ISSUER = 'https://auth.example.com';
const MCP = 'https://mcp.example.com/mcp';
const CALLBACK = 'http://127.0.0.1:3334/callback';

let server: TestServer;
let mcp: Running;
let client: Running;

interface Running {
  url: string;
  close(): void;
}

/** A server on a port of its own. */
async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Running> {
  const running: Server = createServer(answer);
  await new Promise<void>((resolve) => running.listen(0, '127.0.0.1', resolve));
  const { port } = running.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void running.close() };
}

function json(response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** An MCP server: it takes tokens that are for itself, and says where to get one (RFC 9728). */
async function mcpServer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const metadata = '/.well-known/oauth-protected-resource/mcp';
  if (request.url === metadata) {
    json(response, { resource: MCP, authorization_servers: [ISSUER], scopes_supported: ['mcp:tools'] });
    return;
  }
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  try {
    const { payload } = await jwtVerify(token, await jwksOf(server), { issuer: ISSUER, audience: MCP, typ: 'at+jwt' });
    json(response, { tools: [], user: payload.sub, scope: payload.scope });
  } catch {
    const challenge = `Bearer resource_metadata="https://mcp.example.com${metadata}", scope="mcp:tools"`;
    json(response, { error: 'invalid_token' }, 401, { 'www-authenticate': challenge });
  }
}

async function jwksOf(from: TestServer) {
  return createLocalJWKSet(await (await from.request('/.well-known/jwks.json')).json());
}

/** The client's own description, at the URL that is its name. */
function clientDocument(_request: IncomingMessage, response: ServerResponse): void {
  json(response, {
    client_id: `${client.url}/client.json`,
    client_name: 'Example assistant',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  });
}

/** Names as the world knows them, reached where the tests run. */
async function reach(url: string | URL, init?: RequestInit): Promise<Response> {
  const places: Record<string, string> = { [ISSUER]: await server.origin(), 'https://mcp.example.com': mcp.url };
  const { origin, pathname, search } = new URL(url);
  return await fetch(`${places[origin]}${pathname}${search}`, { redirect: 'manual', ...init });
}

beforeAll(async () => {
  client = await listen(clientDocument);
  mcp = await listen((request, response) => void mcpServer(request, response));
  const url_clients = { allow_private_addresses: true, resources: [MCP] };
  const scopes = [{ name: 'mcp:tools', description: 'Use the tools of the example server' }];
  server = await startServer({ clock: () => new Date(), config: { url_clients, scopes } });
  await server.createOwner();
});
afterAll(async () => {
  await server.close();
  mcp.close();
  client.close();
});

/**
 * What the person does: logs in, reads who asks for what, agrees. Answers where the app is sent,
 * and the page that asked.
 */
async function agree(url: string): Promise<{ location: URL; asked: string }> {
  const person = visitor(server);
  let here = url;
  let asked = '';
  for (let step = 0; step < 12; step++) {
    const answer = await person.get(here);
    let location = answer.headers.get('location');
    if (location === null) {
      const page = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status} ${page}`);
      const is_login = page.includes('name="password"');
      if (!is_login) asked = page;
      const fields: Record<string, string> = is_login ? { username: OWNER.username, password: OWNER.password } : { _decision: 'allow' };
      location = (await person.submit(here, page, fields)).headers.get('location');
    }
    const next = new URL(location!, ISSUER);
    if (next.origin !== ISSUER) return { location: next, asked };
    here = next.href;
  }
  throw new Error('no end');
}

test('a client that knows nothing but the URL of the server gets in, step by step as the specification has them', async () => {
  // The server says that a token is needed, and where its metadata are (RFC 9728 section 5.1).
  const refused = await reach(MCP);
  expect(refused.status).toBe(401);
  const [, metadata_url = ''] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? [];
  const resource = await (await reach(metadata_url)).json();
  expect(resource.resource).toBe(MCP);

  // Those name us, and ours say how (RFC 8414).
  const [issuer] = resource.authorization_servers;
  const metadata = await (await reach(`${issuer}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).toMatchObject({
    issuer,
    code_challenge_methods_supported: ['S256'],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: expect.arrayContaining(['none']),
    scopes_supported: expect.arrayContaining(['mcp:tools']),
  });

  // The client names itself by the URL of its description, and the server that it wants the token
  // for (RFC 8707).
  const code_verifier = oauth.generateRandomCodeVerifier();
  const client_id = `${client.url}/client.json`;
  const request = {
    response_type: 'code',
    client_id,
    redirect_uri: CALLBACK,
    scope: resource.scopes_supported.join(' '),
    state: 'a state of the client',
    resource: resource.resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: 'S256',
  };
  const { location, asked } = await agree(`${metadata.authorization_endpoint}?${new URLSearchParams(request)}`);
  expect(asked).toContain('Example assistant');
  expect(asked).toContain('Use the tools of the example server');
  expect(`${location.origin}${location.pathname}`).toBe(CALLBACK);
  expect(Object.fromEntries(location.searchParams)).toEqual({ code: expect.any(String), state: request.state, iss: issuer }); // RFC 9207

  // The code becomes a token that is good there, and only there.
  const form = { grant_type: 'authorization_code', client_id, redirect_uri: CALLBACK, code_verifier, resource: MCP };
  const body = new URLSearchParams({ ...form, code: location.searchParams.get('code')! });
  const answer = await reach(metadata.token_endpoint, { method: 'POST', body });
  expect(answer.status).toBe(200);
  const tokens = await answer.json();
  expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'mcp:tools', refresh_token: expect.any(String) });
  const { payload } = await jwtVerify(tokens.access_token, await jwksOf(server), { typ: 'at+jwt' });
  expect(payload).toMatchObject({ iss: issuer, aud: MCP, client_id });
  const served = await reach(MCP, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  expect([served.status, await served.json()]).toEqual([200, { tools: [], user: payload.sub, scope: 'mcp:tools' }]);
  expect((await server.inject({ url: '/api/me', token: tokens.access_token })).statusCode).not.toBe(200);

  // And it is renewed, for the same server (RFC 8707 section 2.2).
  const renewal = { grant_type: 'refresh_token', client_id, refresh_token: tokens.refresh_token, resource: MCP };
  const renewed = await (await reach(metadata.token_endpoint, { method: 'POST', body: new URLSearchParams(renewal) })).json();
  expect((await reach(MCP, { headers: { authorization: `Bearer ${renewed.access_token}` } })).status).toBe(200);
  expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
});

test('a token for the MCP server is what only its name gets', async () => {
  const code_challenge = await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier());
  const request = { response_type: 'code', client_id: `${client.url}/client.json`, redirect_uri: CALLBACK, code_challenge };
  const query = new URLSearchParams({ ...request, code_challenge_method: 'S256', resource: 'https://elsewhere.example/mcp' });
  const answer = await server.request(`/auth/authorize?${query}`);
  expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  expect((await answer.text()).replaceAll('&amp;', '&')).toContain('error=invalid_target');
});

test('oauth4webapi finds the same way, and takes every answer on it', async () => {
  const how = { [oauth.customFetch]: ((url: string, init: RequestInit) => reach(url, init)) as never };
  const resource = await oauth.processResourceDiscoveryResponse(new URL(MCP), await oauth.resourceDiscoveryRequest(new URL(MCP), how));
  const issuer = new URL(resource.authorization_servers![0]!);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...how, algorithm: 'oauth2' }));
  const app: oauth.Client = { client_id: `${client.url}/client.json` };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const request = {
    ...{ response_type: 'code', client_id: app.client_id, redirect_uri: CALLBACK, scope: 'mcp:tools', state, resource: MCP },
    ...{ code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
  };
  const { location } = await agree(`${as.authorization_endpoint}?${new URLSearchParams(request)}`);
  const parameters = oauth.validateAuthResponse(as, app, location, state);
  const additionalParameters = { resource: MCP };
  const grant = oauth.authorizationCodeGrantRequest(as, app, oauth.None(), parameters, CALLBACK, verifier, {
    ...how,
    additionalParameters,
  });
  const { access_token } = await oauth.processAuthorizationCodeResponse(as, app, await grant);
  const answer = await oauth.protectedResourceRequest(access_token, 'GET', new URL(MCP), undefined, undefined, how);
  expect(answer.status).toBe(200);
});
