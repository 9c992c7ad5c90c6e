// Linking over HTTP: a link_user flow at the example provider, and its code handed in.
import type { LightMyRequestResponse } from 'fastify';
import { CLIENT_ID, type TestServer } from './server.ts';
import { PASSWORD } from './someone.ts';

interface LinkHow {
  client_id?: string;
  /** The provider's id; null: the one without. */
  id?: string | null;
  type?: 'authorize' | 'link_user';
  code_challenge?: string;
}

/** Logs in to link; answers the code. */
export async function linkCode(server: TestServer, username: string, how: LinkHow = {}): Promise<string> {
  const { client_id = CLIENT_ID, id = null, type = 'link_user', code_challenge } = how;
  const pkce = code_challenge === undefined ? {} : { code_challenge, code_challenge_method: 'S256' };
  const start = { client_id, redirect_uri: new URL('/callback', client_id).href, handler: ['insecure_example', id], type, ...pkce };
  const { flow_id } = (await server.inject({ method: 'POST', url: '/auth/login_flow', json: start })).json();
  const json = { client_id, username, password: PASSWORD };
  const answer = await server.inject({ method: 'POST', url: `/auth/login_flow/${flow_id}`, json });
  if (answer.json().type !== 'create_entry') throw new Error(`no code: ${answer.body}`);
  return answer.json().result;
}

/** Hands a code in. */
export async function link(server: TestServer, token: string, code: string, client_id = CLIENT_ID): Promise<LightMyRequestResponse> {
  return await server.inject({ method: 'POST', url: '/auth/link_user', token, json: { client_id, code } });
}
