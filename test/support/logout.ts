// A browser that is logged in to this server and, by it, to apps; and an app's server that waits for word of logouts.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { randomId } from '../../src/domain/secret.ts';
import { OWNER, REMOTE_ADDRESS, type TestServer } from './server.ts';

export interface LoggedIn {
  /** The header. */
  cookie: string;
  sid: string;
  user_id: string;
}

/** The owner's browser, with a session of its own. */
export async function loggedInBrowser(server: TestServer): Promise<LoggedIn> {
  const { database, sessions } = server.container;
  if (!(await server.container.onboarding.isDone())) await server.createOwner();
  const { id: credential_id, user_id } = await database.kysely
    .selectFrom('credentials')
    .select(['id', 'user_id'])
    .where('subject', '=', OWNER.username)
    .executeTakeFirstOrThrow();
  const provider = { auth_provider_type: 'homeassistant', auth_provider_id: null };
  const login = { user_id, credential_id, ...provider, auth_time: server.clock(), amr: ['pwd'] };
  const value = await sessions.start(login, { remote_address: REMOTE_ADDRESS, user_agent: null });
  const session = await sessions.find(value, REMOTE_ADDRESS);
  return { cookie: `__Host-latchkey_session=${value}`, sid: session!.sid, user_id };
}

/** Tokens of a client that the person went to with this session; its grant is there too. */
export async function tokensOf(server: TestServer, { sid, user_id }: LoggedIn, client_id: string, scope = ['openid']) {
  const { database, clientDirectory, issuer } = server.container;
  const client = await clientDirectory.find(client_id, REMOTE_ADDRESS);
  const refresh_token_id = randomId();
  const now = server.clock();
  const facts = { user_id, client_id, scope, sid, auth_time: now, profile: 'standard' as const };
  await database.kysely
    .insertInto('refresh_tokens')
    .values({ id: refresh_token_id, ...facts, token_type: 'normal', access_token_expiration: 1800, created_at: now })
    .execute();
  const none = { nonce: null, claims: null, dpop_jkt: null, refresh_token: null, ha_auth_provider: null, resource: [] };
  const { access_token, id_token } = await issuer.issue({
    ...{ ...facts, ...none, refresh_token_id, client },
    ...{ access_token_expiration: 1800, amr: ['pwd'] },
  });
  return { refresh_token_id, access_token, id_token: id_token! };
}

/** An app's server; it keeps what it is sent. `status`: its answer, or never one. */
export async function startLogoutListener(status: () => number | 'never' = () => 200) {
  const requests: { method: string; type: string | undefined; body: URLSearchParams }[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    void text(request).then((body) => {
      requests.push({ method: request.method!, type: request.headers['content-type'], body: new URLSearchParams(body) });
      const answer = status();
      if (answer !== 'never') response.writeHead(answer, answer === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    uri: `http://127.0.0.1:${port}/backchannel`,
    requests,
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
