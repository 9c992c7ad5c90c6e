// Another login for somebody who is logged in, by the code of a link_user flow.
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { expectAnswer, runArea, send } from '../support/clients/vector_driver.ts';
import type { Vector } from '../support/clients/vectors.ts';
import { link, linkCode } from '../support/fixtures/linking.ts';
import { startServer, type TestServer } from '../support/fixtures/server.ts';
import { addSomeone, example } from '../support/fixtures/someone.ts';

let server: TestServer;
let user_id: string;
let access_token: string;
beforeAll(async () => {
  const second = { ...example('2nd-user'), id: '2nd-auth', name: '2nd auth' };
  server = await startServer({
    config: { auth_providers: [{ type: 'homeassistant' }, example('hello'), second], http: { ip_ban_enabled: false } },
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.container.database.kysely.deleteFrom('users').execute();
  ({ user_id, access_token } = await addSomeone(server, 'hello'));
});

async function run({ given, request, expect: want }: Vector): Promise<void> {
  const { client_id, linked_to } = given.code;
  const newCode = () => linkCode(server, '2nd-user', { client_id, id: '2nd-auth' });
  if (linked_to === given.caller) expect((await link(server, access_token, await newCode(), client_id)).statusCode).toBe(200);
  const words = { 'Bearer VALID': `Bearer ${access_token}`, 'Bearer invalid': 'Bearer invalid' };
  const json = request.json.code === 'CODE' ? { ...request.json, code: await newCode() } : request.json;
  expectAnswer(await send(server, request, { words, json }), want);
  // Beside the login that the caller came with.
  if (want.caller_credentials !== undefined)
    expect(await server.container.repositories.credentials.ofUser(user_id)).toHaveLength(1 + want.caller_credentials);
}

runArea('link-user', run);
