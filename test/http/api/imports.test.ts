import { beforeAll, describe, expect, it } from 'vitest';
import { addApiPerson, type Call, callerWith } from '../../support/fixtures/api.ts';
import { homeAssistantStorage, idOf, secretOf } from '../../support/fixtures/home_assistant_storage.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

const URL = '/api/import/home-assistant';
const MB = 1024 * 1024;

const server = perFile(() => startServer({ config: { auth_mfa_modules: [{ type: 'totp' }] } }));
let token: string;
let admin: Call;
beforeAll(async () => {
  token = (await server.ownerTokens()).access_token;
  admin = callerWith(server, (await addApiPerson(server, callerWith(server, token), 'admin', ['system-admin'])).access_token);
});

const upload = (body: unknown, query = '', bearer = token) =>
  server.inject({ method: 'POST', url: URL + query, token: bearer, payload: typeof body === 'string' ? body : JSON.stringify(body) });
const names = async () => (await server.container.users.list({ limit: 200, cursor: null })).items.map(({ name }) => name).sort();

describe('an upload by the owner', () => {
  it('reports first, and brings people over with apply=true', async () => {
    const storage = homeAssistantStorage(server.clock());
    const planned = await upload(storage);
    expect([planned.statusCode, planned.json().applied, await names()]).toEqual([200, false, ['Ada', 'admin']]);
    expect(planned.body).not.toContain(secretOf('phone'));
    const done = (await upload(storage, '?apply=true')).json();
    expect(done).toMatchObject({ applied: true, groups: ['Guests'] });
    expect(done.people[0]).toMatchObject({
      ...{ id: idOf('Paula'), role: 'administrator', outcome: 'import', has_password: true, factors: ['totp'] },
      notes: expect.arrayContaining([expect.objectContaining({ code: 'becomes_administrator', text: expect.any(String) })]),
    });
    expect(await names()).toContain('Oskar');
    expect((await upload(storage, '?apply=true')).json().people.every(({ outcome }: { outcome: string }) => outcome === 'present')).toBe(
      true,
    );
  });

  it('may leave the tokens behind', async () => {
    const { people } = (await upload(homeAssistantStorage(server.clock()), '?without_tokens=true')).json();
    expect(people.every((person: { refresh_tokens: number }) => person.refresh_tokens >= 0)).toBe(true);
  });

  it('is refused with file and path when it is broken', async () => {
    const storage = homeAssistantStorage(server.clock());
    storage.auth.data.users[3]!.id = 'x';
    const answer = await upload(storage, '?apply=true');
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid_format', message: 'auth: data.users[3].id: must be 32 hexadecimal digits' }),
    ]);
  });

  it.each<[string, unknown, string, number]>([
    ['an unknown file', { secrets: {} }, '', 400],
    ['an unknown option', {}, '?force=true', 400],
    ['a file as text', { auth: '{}' }, '', 400],
    ['half a body', '{"auth": {', '', 400],
  ])('%s is refused', async (_story, body, query, status) => {
    expect((await upload(body, query)).statusCode).toBe(status);
  });

  it('is larger than other bodies may be, up to 32 MB', async () => {
    const storage = homeAssistantStorage(server.clock());
    const padded = (size: number) => JSON.stringify({ ...storage, person: { ...storage.person, padding: 'x'.repeat(size) } });
    expect((await upload(padded(8 * MB))).statusCode).toBe(200);
    expect((await upload(padded(33 * MB))).statusCode).toBe(413);
    expect((await server.inject({ method: 'PATCH', url: '/api/me', token, payload: padded(MB) })).statusCode).toBe(413);
  });

  it('is one at a time', async () => {
    const storage = homeAssistantStorage(server.clock());
    const statuses = await Promise.all([1, 2, 3].map(async () => (await upload(storage)).statusCode));
    expect(statuses).toContain(200);
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
  });
});

it('is refused unread for anyone else', async () => {
  expect((await admin('POST', URL, homeAssistantStorage(server.clock()))).statusCode).toBe(403);
  expect((await server.inject({ method: 'POST', url: URL, payload: '{'.repeat(MB) })).statusCode).toBe(401);
});

it('needs a fresh login', async () => {
  server.advance(301);
  expect((await upload(homeAssistantStorage(server.clock()))).json()).toMatchObject({ code: 'reauth_required' });
  server.advance(-301);
});
