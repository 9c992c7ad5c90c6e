// Who waits for approval turns out to be somebody: the owner gives their login to that user.
import { beforeAll, expect, it } from 'vitest';
import { addApiPerson, type Call, callerWith, type Person } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';
import { example, logInAs, PASSWORD } from '../../support/fixtures/someone.ts';

const ROUNDS = ['one', 'two', 'three', 'four', 'five', 'six'];

let owner: Call;
let admin: Call;
let paula: Person;
const server = perFile(() => startServer({ config: { auth_providers: [{ type: 'homeassistant' }, example('pp', 'pp2', ...ROUNDS)] } }));
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
  admin = callerWith(server, (await addApiPerson(server, owner, 'admin', ['system-admin'])).access_token);
  paula = await addApiPerson(server, owner, 'paula');
});

/** Comes for the first time and waits; answers who that is. */
async function newcomer(username: string): Promise<string> {
  const how = { handler: ['insecure_example', null] as [string, null] };
  await expect(server.login({ username, password: PASSWORD }, how)).rejects.toThrow('User is not active');
  const credential = await server.container.repositories.credentials.findIdentity(
    { auth_provider_type: 'insecure_example', auth_provider_id: null },
    username,
  );
  return credential!.user_id;
}
const approve = (id: string, body: object, by = owner) => by('POST', `/api/users/${id}/approve`, body);
const whoIs = async (username: string) =>
  (await callerWith(server, (await logInAs(server, username)).access_token)('GET', '/api/me')).json().id;

it('the next login is that of the user they were merged into', async () => {
  const id = await newcomer('pp');
  const merge_into = paula.id;
  expect((await approve(id, { merge_into }, admin)).statusCode).toBe(403);
  expect((await approve(id, { merge_into, group_ids: [] })).json()).toMatchObject({ code: 'invalid_format' });
  const merged = await approve(id, { merge_into });
  expect([merged.statusCode, merged.json()]).toEqual([200, expect.objectContaining({ id: paula.id, username: 'paula', is_active: true })]);
  expect((await owner('GET', `/api/users/${id}`)).statusCode).toBe(404);
  expect(await whoIs('pp')).toBe(paula.id);
  const second = await approve(await newcomer('pp2'), { merge_into });
  expect([second.statusCode, second.json().code]).toEqual([409, 'credential_exists']);
});

it('approved and merged at once, there is one of both', async () => {
  for (const username of ROUNDS) {
    const id = await newcomer(username);
    const into = await addApiPerson(server, owner, `into ${username}`);
    const answers = await Promise.all([approve(id, {}), approve(id, { merge_into: into.id })]);
    const [approved, merged] = answers.map(({ statusCode }) => statusCode);
    expect([[200, 409].join(), [404, 200].join()]).toContain([approved, merged].join());
    expect(await whoIs(username)).toBe(approved === 200 ? id : into.id);
  }
});
