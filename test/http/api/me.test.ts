import { beforeAll, describe, expect, it } from 'vitest';
import { addApiPerson, type Call, callerWith, type Person } from '../../support/fixtures/api.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { CLIENT_ID, startServer } from '../../support/fixtures/server.ts';

let owner: Call;
let person: Person;
let me: Call;
let count = 0;

const server = perFile(() => startServer());
beforeAll(async () => {
  owner = callerWith(server, (await server.ownerTokens()).access_token);
});

async function somebody(): Promise<void> {
  count += 1;
  person = await addApiPerson(server, owner, `person${count}`);
  me = callerWith(server, person.access_token);
}

const tokens = async () => (await me('GET', '/api/me/refresh_tokens')).json().items as { id: string; type: string; is_current: boolean }[];

describe('GET /api/me', () => {
  it('shows the caller', async () => {
    await somebody();
    expect((await me('GET', '/api/me')).json()).toEqual({
      id: person.id,
      name: person.username,
      is_owner: false,
      is_admin: false,
      credentials: [{ auth_provider_type: 'homeassistant', auth_provider_id: null }],
      mfa_modules: [],
      username: person.username,
      email: null,
      email_verified: false,
      picture: null,
      locale: null,
      zoneinfo: null,
    });
  });
});

describe('refresh tokens', () => {
  it('are listed with what their owner must know, and no secret', async () => {
    await somebody();
    const answer = await me('GET', '/api/me/refresh_tokens');
    expect(answer.json()).toEqual({
      items: [
        {
          id: expect.stringMatching(/^[0-9a-f]{32}$/),
          client_id: CLIENT_ID,
          client_name: null,
          client_icon: null,
          type: 'normal',
          created_at: server.clock().toISOString(),
          last_used_at: expect.toBeOneOf([null, expect.any(String)]),
          last_used_ip: expect.toBeOneOf([null, expect.any(String)]),
          expire_at: null,
          is_current: true,
          auth_provider_type: 'homeassistant',
          auth_provider_id: null,
        },
      ],
      next_cursor: null,
    });
  });

  it('come in pages', async () => {
    await somebody();
    for (let n = 0; n < 3; n++) await server.login(person);
    for (const name of ['a', 'b', 'c']) await me('POST', '/api/me/long_lived_access_tokens', { client_name: name });
    const first = (await me('GET', '/api/me/refresh_tokens?limit=3')).json();
    const second = (await me('GET', `/api/me/refresh_tokens?limit=3&cursor=${first.next_cursor}`)).json();
    expect([first.items.length, second.items.length, second.next_cursor]).toEqual([3, 1, null]);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'cursor=%00', 'cursor=junk', 'sort=name'])(
    '%s is refused',
    async (query) => {
      const answer = await owner('GET', `/api/me/refresh_tokens?${query}`);
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_format']);
    },
  );

  it('are revoked at once', async () => {
    await somebody();
    const [current] = await tokens();
    expect((await me('DELETE', `/api/me/refresh_tokens/${current!.id}`)).statusCode).toBe(204);
    expect((await me('GET', '/api/me')).statusCode).toBe(401);
  });

  it('of others cannot be ended or changed', async () => {
    await somebody();
    const [mine] = await tokens();
    for (const id of [mine!.id, '0'.repeat(32), '%00', 'x']) {
      for (const answer of [
        await owner('DELETE', `/api/me/refresh_tokens/${id}`),
        await owner('PATCH', `/api/me/refresh_tokens/${id}`, { enable_expiry: true }),
      ]) {
        expect([answer.statusCode, answer.json()]).toMatchObject([404, { code: 'invalid_token_id', message: 'Received invalid token' }]);
      }
    }
    expect((await me('GET', '/api/me')).statusCode).toBe(200);
  });

  it('may be given an idle expiry and freed of it', async () => {
    await somebody();
    const [current] = await tokens();
    const on = await me('PATCH', `/api/me/refresh_tokens/${current!.id}`, { enable_expiry: true });
    expect(on.json().expire_at).toEqual(expect.any(String));
    const off = await me('PATCH', `/api/me/refresh_tokens/${current!.id}`, { enable_expiry: false });
    expect(off.json()).toMatchObject({ expire_at: null, is_current: true });
  });

  it.each<[object | undefined, string[]]>([
    [undefined, []],
    [{}, []],
    [{ token_type: 'long_lived_access_token' }, ['normal', 'normal']],
    [{ token_type: 'normal' }, ['long_lived_access_token']],
    [{ token_type: 'normal', delete_current_token: false }, ['normal', 'long_lived_access_token']],
  ])('are deleted by %j, which leaves %j', async (body, left) => {
    await somebody();
    await server.redeem(await server.login(person));
    const long_lived = (await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'x' })).json().token;
    expect((await me('POST', '/api/me/refresh_tokens/delete_all', body)).statusCode).toBe(204);
    const rows = await server.container.database.kysely
      .selectFrom('refresh_tokens')
      .select('token_type')
      .where('user_id', '=', person.id)
      .orderBy('token_type', 'desc')
      .execute();
    expect(rows.map((row) => row.token_type)).toEqual(left);
    expect((await callerWith(server, long_lived)('GET', '/api/me')).statusCode).toBe(left.includes('long_lived_access_token') ? 200 : 401);
  });
});

describe('long-lived access tokens', () => {
  // M9
  it('are shown once, are kept nowhere, and work until they are ended', async () => {
    await somebody();
    const made = await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'script', lifespan: 30, client_icon: 'mdi:robot' });
    expect([made.statusCode, Object.keys(made.json()).sort()]).toEqual([201, ['refresh_token_id', 'token']]);
    const { token, refresh_token_id } = made.json();
    const script = callerWith(server, token);
    expect((await script('GET', '/api/me')).statusCode).toBe(200);
    const [, , signature = token] = token.split('.');
    expect((await me('GET', '/api/me/refresh_tokens')).body).not.toContain(signature);
    const rows = await server.container.database.kysely
      .selectFrom('refresh_tokens')
      .selectAll()
      .where('id', '=', refresh_token_id)
      .execute();
    expect([rows.length, JSON.stringify(rows).includes(signature)]).toEqual([1, false]);
    // It is no fresh login, so it makes none of its kind.
    const another = await script('POST', '/api/me/long_lived_access_tokens', { client_name: 'another' });
    expect([another.statusCode, another.json().code]).toEqual([403, 'reauth_required']);
    await me('DELETE', `/api/me/refresh_tokens/${refresh_token_id}`);
    expect((await script('GET', '/api/me')).statusCode).toBe(401);
  });

  it('have a name of their own', async () => {
    await somebody();
    await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' });
    const again = await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' });
    expect([again.statusCode, again.json()]).toMatchObject([409, { code: 'name_in_use', message: 'script already exists' }]);
  });

  // M9
  it.each([
    {},
    { client_name: '' },
    { client_name: 'x', lifespan: 0 },
    { client_name: 'x', lifespan: 1_000_000 },
    { client_name: 'x', lifespan: 1.5 },
    { client_name: 'x', lifespan: -1 },
    { client_name: 'x', lifespan: 3651 },
  ])('are not made of %j', async (body) => {
    expect((await owner('POST', '/api/me/long_lived_access_tokens', body)).statusCode).toBe(400);
  });
});

describe('the password', () => {
  it('is changed only with the current one', async () => {
    await somebody();
    const change = (current_password: string, new_password: string) => me('POST', '/api/me/password', { current_password, new_password });
    const wrong = await change('wrong', 'another long password');
    expect([wrong.statusCode, wrong.json()]).toMatchObject([
      400,
      { code: 'invalid_current_password', message: 'Invalid current password' },
    ]);
    expect((await change(person.password, 'short')).statusCode).toBe(400);
    expect((await change(person.password, 'another long password')).statusCode).toBe(204);
    await expect(server.login(person)).rejects.toThrow('invalid_auth');
    await server.login({ ...person, password: 'another long password' });
  });
});
