// People of a test server who call the JSON API, made by the API itself.
import type { LightMyRequestResponse } from 'fastify';
import type { TestRequest, TestServer } from './server.ts';

export interface Person {
  id: string;
  username: string;
  password: string;
  access_token: string;
}

export type Call = (method: TestRequest['method'], url: string, json?: unknown) => Promise<LightMyRequestResponse>;

/** Calls with one person's token. */
export function callerWith(server: TestServer, token: string | undefined): Call {
  return (method, url, json) =>
    server.inject({ method, url, ...(token === undefined ? {} : { token }), ...(json === undefined ? {} : { json }) });
}

/** Makes an active person with a login and tokens; `owner` calls as the owner. */
export async function addApiPerson(
  server: TestServer,
  owner: Call,
  username: string,
  group_ids: string[] = ['system-users'],
): Promise<Person> {
  const password = `the password of ${username}`;
  const { id } = (await owner('POST', '/api/users', { name: username, group_ids })).json();
  await owner('POST', `/api/users/${id}/login`, { username, password });
  const { access_token } = await server.redeem(await server.login({ username, password }));
  return { id, username, password, access_token };
}
