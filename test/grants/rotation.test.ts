import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import { createDatabase, type Database } from '../../src/postgres/database.ts';
import { createJanitor } from '../../src/repository/janitor.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import type { StandardCodeData } from '../../src/tokens/authorization_code.ts';
import { createRotatingTokens } from '../../src/tokens/refresh_token.ts';
import { newProofKey, proofFor } from '../support/clients/dpop.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import {
  ABROAD,
  ADMITTED,
  createTokenServices,
  HOME,
  ISSUER,
  loginOf,
  newClient,
  post,
  redeem,
  refresh,
  type TokenServices,
} from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import {
  credentialsOf,
  PUBLIC_CLIENT,
  registerClient,
  SCOPE,
  standardCode,
  standardTokens,
  VERIFIER,
} from '../support/fixtures/standard_grants.ts';

const DAY = 86_400;

let services: TokenServices;
let user: User;

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  await addSystemGroups(db.database);
});
beforeEach(async () => {
  services = await open();
  user = await addPerson(db.database, { username: randomId(), group_ids: ['system-users'] });
  return () => services.close();
});

async function open(options: Parameters<typeof createTokenServices>[1] = {}, database: Database = db.database): Promise<TokenServices> {
  const opened = await createTokenServices(database, options);
  for (const client of [PUBLIC_CLIENT, newClient()]) await registerClient(opened, db.database, client);
  return opened;
}

function newTokens(client = PUBLIC_CLIENT, standard: Partial<StandardCodeData> = {}, replica = services): Promise<TokenSet> {
  return standardTokens(replica, db.database, user, client, standard);
}

async function newToken(client = PUBLIC_CLIENT, standard: Partial<StandardCodeData> = {}, replica = services): Promise<string> {
  return (await newTokens(client, standard, replica)).refresh_token!;
}

function rotate(token: string, differences: Record<string, string | undefined> = {}, replica = services) {
  return refresh(replica, token, { client_id: PUBLIC_CLIENT.client_id, ...differences });
}

const REFUSED = 'invalid_grant: The refresh token is unknown, used, revoked or expired';

async function rotated(token: string, replica = services): Promise<TokenSet & { refresh_token: string }> {
  const answer = await rotate(token, {}, replica);
  if (typeof answer === 'string') throw new Error(answer);
  return answer as TokenSet & { refresh_token: string };
}

async function isAlive(access_token: string): Promise<boolean> {
  return (await services.bearer.authenticate(access_token, HOME)) !== null;
}

async function grants() {
  return await db.database.kysely.selectFrom('refresh_tokens').selectAll().where('user_id', '=', user.id).execute();
}

// D1
test('every refresh answers a new refresh token of the same grant, the client’s one with the same scope', async () => {
  const first = await newTokens();
  const tokens = [first.refresh_token];
  for (let count = 1; count < 4; count++) {
    services.time.advance(60);
    const next = await rotated(tokens.at(-1)!);
    expect(next).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 1_800,
      id_token: expect.any(String),
      refresh_token: expect.stringMatching(/^lk_rt_[\w-]{70}$/),
      scope: SCOPE.join(' '),
    });
    tokens.push(next.refresh_token);
    expect(await isAlive(next.access_token)).toBe(true);
    expect(await grants()).toMatchObject([{ generation: count, profile: 'standard', scope: SCOPE, token_hash: null }]);
  }
  expect(new Set(tokens).size).toBe(4);
  expect(await isAlive(first.access_token)).toBe(true);
});

// D18
test('no refresh token is stored', async () => {
  const tokens = [await newToken()];
  tokens.push((await rotated(tokens[0]!)).refresh_token);
  const [row] = await grants();
  for (const token of tokens)
    expect(JSON.stringify(row)).not.toContain(Buffer.from(token.slice(6), 'base64url').subarray(20).toString('hex'));
});

describe('a token that was used', () => {
  // D3
  test('answers with the same successor within the grace time: the first answer may be lost', async () => {
    const token = await newToken();
    const first = await rotated(token);
    services.time.advance(9.999);
    expect((await rotated(token)).refresh_token).toBe(first.refresh_token);
    expect(await rotated(first.refresh_token)).toBeTypeOf('object');
  });

  // D2
  test('revokes its grant after the grace time', async () => {
    const token = await newToken();
    const { access_token, refresh_token } = await rotated(token);
    services.time.advance(10);
    expect(await rotate(token)).toBe(REFUSED);
    expect(await rotate(refresh_token)).toBe(REFUSED);
    expect(await isAlive(access_token)).toBe(false);
    expect(await grants()).toEqual([]);
    expect(services.events).toContainEqual(
      expect.objectContaining({
        type: 'refresh_token.replayed',
        outcome: 'refused',
        target_user_id: user.id,
        client_id: PUBLIC_CLIENT.client_id,
        detail: { refresh_token_id: expect.any(String), revoked: true },
      }),
    );
  });

  // D4
  test('does not stretch its grace time by being used', async () => {
    const token = await newToken();
    await rotated(token);
    services.time.advance(8);
    await rotated(token);
    services.time.advance(4);
    expect(await rotate(token)).toBe(REFUSED);
    expect(await grants()).toEqual([]);
  });

  test('ends its grant within the grace time too when its successor was used as well', async () => {
    const token = await newToken();
    await rotated((await rotated(token)).refresh_token);
    expect(await rotate(token)).toBe(REFUSED);
    expect(await grants()).toEqual([]);
  });

  // D6: any number within the time
  test('may be used any number of times within its grace time', async () => {
    const token = await newToken();
    const answers = [];
    for (let count = 0; count < 10; count++) answers.push((await rotated(token)).refresh_token);
    expect(new Set(answers).size).toBe(1);
  });

  // D13, D14
  test('is recognised after a restart and after the janitor', async () => {
    const token = await newToken();
    await rotated(token);
    const restarted = await open({ time: services.time });
    restarted.time.advance(5 * DAY);
    const audit = { insert: () => Promise.resolve() };
    const limits = { pending_lifetime: DAY, audit_retention: DAY, failure_lifetime: DAY };
    await createJanitor({ database: db.database, clock: services.time.clock, audit, on_error: () => {}, ...limits }).run();
    expect(await rotate(token, {}, restarted)).toBe(REFUSED);
    expect(await grants()).toEqual([]);
    await restarted.close();
  });
});

describe('a text that is no token of this server', () => {
  // C9
  test('is unknown and ends nothing: truncated, lengthened, in other case, with any bit flipped', async () => {
    const token = await newToken();
    const flipped = [...token].map((_, at) => token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ 1) + token.slice(at + 1));
    for (const other of [...flipped, token.slice(0, -1), `${token}A`, `${token}=`, token.toUpperCase(), ` ${token}`]) {
      expect(await rotate(other), other).toBe(REFUSED);
    }
    expect(await rotate(token)).toBeTypeOf('object');
  });

  test('is any other generation with the MAC of this one', async () => {
    const token = await newToken();
    const bytes = Buffer.from(token.slice(6), 'base64url');
    for (const generation of [1, 2, 0x7fffffff, 0xffffffff]) {
      bytes.writeUInt32BE(generation, 16);
      expect(await rotate(`lk_rt_${bytes.toString('base64url')}`)).toBe(REFUSED);
    }
    expect(await rotate(token)).toBeTypeOf('object');
  });

  test('is a MAC made without the row’s seed, or with the key of another server', async () => {
    const token = await newToken();
    const { id, seed } = (await grants())[0] as { id: string; seed: Buffer };
    const stranger = createRotatingTokens({ sealer: createSealer({ secret_key: 'the secret key of quite another server' }) });
    for (const forged of [
      services.rotatingTokens.write({ id, generation: 0, seed: randomBytes(32) }),
      stranger.write({ id, generation: 0, seed }),
    ]) {
      expect(await rotate(forged)).toBe(REFUSED);
    }
    expect(await rotate(token)).toBeTypeOf('object');
  });

  test('is a token that never rotates, or a code', async () => {
    const login = await loginOf(db.database, user);
    const { refresh_token } = (await redeem(services, await services.codes.issue(login))) as TokenSet;
    for (const other of [refresh_token!, await services.codes.issue(login), (await newTokens()).access_token]) {
      expect(await rotate(other)).toBe(REFUSED);
    }
  });
});

test('a token of before the secret key was changed still rotates, and its successor is of the new key', async () => {
  const keys = ['the secret key of earlier days, long gone', 'the secret key of today, which is another'] as const;
  await db.database.kysely.deleteFrom('signing_keys').execute();
  const earlier = await open({ sealer: createSealer({ secret_key: keys[0] }) });
  const token = await newToken(PUBLIC_CLIENT, {}, earlier);
  const now = await open({ sealer: createSealer({ secret_key: keys[1], previous_secret_keys: [keys[0]] }) });
  const { refresh_token } = await rotated(token, now);
  expect(await rotate(refresh_token, {}, earlier)).toBe(REFUSED);
  expect(await rotate(refresh_token, {}, now)).toBeTypeOf('object');
  for (const replica of [earlier, now]) await replica.close();
  await db.database.kysely.deleteFrom('signing_keys').execute();
});

describe('time', () => {
  // D5
  test('that has run out refuses within the grace time too, and ends nothing', async () => {
    const brief = await open({ lifetimes: { refresh_token: 60 } });
    const token = await newToken(PUBLIC_CLIENT, {}, brief);
    brief.time.advance(55);
    await rotated(token, brief);
    brief.time.advance(5);
    expect(await rotate(token, {}, brief)).toBe(REFUSED);
    expect(brief.events.at(-1)).toMatchObject({ type: 'refresh_token.refused', detail: { reason: 'expired' } });
    expect(await grants()).toHaveLength(1);
    await brief.close();
  });

  // D12
  test('ends a grant at its absolute end, however often it is used', async () => {
    const strict = await open({ lifetimes: { refresh_token: 3 * DAY, refresh_token_idle: 2 * DAY } });
    let token = await newToken(PUBLIC_CLIENT, {}, strict);
    for (let day = 1; day < 3; day++) {
      strict.time.advance(DAY);
      token = (await rotated(token, strict)).refresh_token;
    }
    strict.time.advance(DAY);
    expect(await rotate(token, {}, strict)).toBe(REFUSED);
    await strict.close();
  });

  test('without use ends an idle grant; the client’s own lifetimes come first', async () => {
    const lifetimes = { access_token_lifetime: 60, refresh_token_idle_lifetime: DAY, refresh_token_lifetime: 30 * DAY };
    const client = { ...PUBLIC_CLIENT, ...lifetimes, client_id: 'strict' };
    await registerClient(services, db.database, client);
    const first = await newTokens(client);
    expect(first.expires_in).toBe(60);
    services.time.advance(DAY - 1);
    const next = await rotate(first.refresh_token!, { client_id: 'strict' });
    services.time.advance(DAY);
    expect(await rotate((next as TokenSet).refresh_token!, { client_id: 'strict' })).toBe(REFUSED);
  });
});

// D9
test('another client’s token is refused and stays valid, before and after it was used', async () => {
  const token = await newToken();
  const other = { ...credentialsOf(newClient()) };
  expect(await rotate(token, other)).toBe(REFUSED);
  const { refresh_token } = await rotated(token);
  services.time.advance(60);
  expect(await rotate(token, other)).toBe(REFUSED);
  expect(await rotate(refresh_token)).toBeTypeOf('object');
});

// C17
test('a confidential client refreshes with its secret only', async () => {
  const client = newClient();
  const token = await newToken(client);
  expect(await rotate(token, { client_id: client.client_id })).toMatch(/^invalid_client/);
  expect(await rotate(token, credentialsOf(client))).toBeTypeOf('object');
});

// D10
test('a narrower scope is the access token’s alone; a wider one is refused', async () => {
  let token = await newToken();
  expect(await rotate(token, { scope: 'openid email' })).toBe('invalid_scope: scope is wider than what was granted');
  for (const [asked, given] of [
    ['openid', 'openid'],
    ['profile openid', 'profile openid'],
    [undefined, SCOPE.join(' ')],
    ['', SCOPE.join(' ')],
  ]) {
    const answer = (await rotate(token, { scope: asked })) as TokenSet;
    expect(answer.scope).toBe(given);
    expect(services.accessTokens.read(answer.access_token)?.scope).toBe(given);
    token = answer.refresh_token!;
    services.time.advance(11);
  }
  expect(await grants()).toMatchObject([{ scope: SCOPE }]);
});

// C24
test('a resource server that was granted may be named, no other', async () => {
  const [one, two] = ['https://one.example/api', 'https://two.example/'];
  let token = await newToken(PUBLIC_CLIENT, { resource: [one, two] });
  for (const resource of ['https://three.example', ISSUER, `${one}/`, `${one} https://three.example`]) {
    expect(await rotate(token, { resource })).toBe('invalid_target: resource was not granted');
  }
  for (const resource of ['one', `${one}#part`]) expect(await rotate(token, { resource })).toMatch(/^invalid_target/);
  for (const [resource, aud] of [
    [one, one],
    [`${one} ${two}`, [one, two]],
    [undefined, [one, two]],
  ] as const) {
    const answer = (await rotate(token, { resource })) as TokenSet;
    expect(services.accessTokens.read(answer.access_token, { for_anyone: true })?.aud).toEqual(aud);
    expect(await isAlive(answer.access_token)).toBe(false); // for us it is not
    token = answer.refresh_token!;
    services.time.advance(11);
  }
  const own = await newToken();
  expect(await rotate(own, { resource: ISSUER })).toBeTypeOf('object');
});

// D11
describe('a grant that may not be used now refreshes nothing, and works again when it may', () => {
  const stories: [string, { take: () => Promise<unknown>; give: () => Promise<unknown> }][] = [
    ['a user who is inactive', { take: () => changeUser({ is_active: false }), give: () => changeUser({ is_active: true }) }],
    ['a user who left the client’s groups', { take: leave, give: join }],
    ['a user whose group was switched off', { take: () => switchGroup(false), give: () => switchGroup(true) }],
    ['a user who withdrew their consent', { take: withdraw, give: consent }],
  ];
  const client = { ...PUBLIC_CLIENT, client_id: 'family', trusted: false, allowed_group_ids: ['system-users', 'system-admin'] };

  function changeUser(change: { is_active: boolean }) {
    return db.database.kysely.updateTable('users').set(change).where('id', '=', user.id).execute();
  }
  function leave() {
    return db.database.kysely.deleteFrom('user_groups').where('user_id', '=', user.id).execute();
  }
  function join() {
    return db.database.kysely.insertInto('user_groups').values({ user_id: user.id, group_id: 'system-users' }).execute();
  }
  function switchGroup(is_enabled: boolean) {
    return db.database.kysely.updateTable('groups').set({ is_enabled }).where('id', '=', 'system-users').execute();
  }
  function withdraw() {
    return db.database.kysely.deleteFrom('consents').where('user_id', '=', user.id).execute();
  }
  function consent() {
    const row = { user_id: user.id, client_id: client.client_id, scope: SCOPE, redirect_uris: [], granted_at: new Date() };
    return db.database.kysely.insertInto('consents').values(row).execute();
  }

  for (const [story, { take, give }] of stories) {
    test(story, async () => {
      await registerClient(services, db.database, client);
      await consent();
      const token = await newToken(client);
      await take();
      expect(await rotate(token, { client_id: 'family' })).toBe(REFUSED);
      expect(services.events.at(-1)).toMatchObject({ type: 'refresh_token.refused', detail: { reason: 'refused_user' } });
      await give();
      expect(await rotate(token, { client_id: 'family' })).toBeTypeOf('object');
    });
  }

  // D15
  test('a user whose provider lets nobody in from there', async () => {
    const form = { grant_type: 'refresh_token', client_id: PUBLIC_CLIENT.client_id, refresh_token: await newToken() };
    expect(await post(services, form, ABROAD, { providers: [], refusal: () => 'Not in trusted_networks' })).toBe(REFUSED);
    expect(await post(services, form)).toBeTypeOf('object');
  });

  test('a user restricted to home, abroad', async () => {
    const token = await newToken();
    await db.database.kysely.updateTable('users').set({ local_only: true }).where('id', '=', user.id).execute();
    expect(await refresh(services, token, { client_id: PUBLIC_CLIENT.client_id }, ABROAD)).toBe(REFUSED);
    expect(await rotate(token)).toBeTypeOf('object');
  });
});

describe('20 parallel refreshes with one token, on two replicas', () => {
  let other: Database;
  beforeEach(() => {
    other = createDatabase({ connection: db.connection, on_error: () => {} });
    return () => other.close();
  });

  async function race(refresh_token_grace: number) {
    const replicas = [await open({ refresh_token_grace }), await open({ refresh_token_grace }, other)];
    const token = await newToken(PUBLIC_CLIENT, {}, replicas[0]);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, turn) => rotate(token, {}, replicas[turn % 2])));
    const won = answers.filter((answer): answer is TokenSet => typeof answer === 'object');
    const alive = await Promise.all(won.map(({ access_token }) => isAlive(access_token)));
    const events = replicas.flatMap(({ events }) => events);
    for (const replica of replicas) await replica.close();
    return { won, alive, events };
  }

  // D8
  test('all get the same successor within the grace time, 10 times in a row', async () => {
    for (let round = 0; round < 10; round++) {
      const { won, alive } = await race(10);
      expect(won).toHaveLength(20);
      expect(new Set(won.map(({ refresh_token }) => refresh_token)).size).toBe(1);
      expect(alive).toEqual(Array(20).fill(true));
      expect(await rotate(won[0]!.refresh_token!)).toBeTypeOf('object');
      await db.database.kysely.deleteFrom('refresh_tokens').where('user_id', '=', user.id).execute();
    }
  });

  // D7
  test('have one winner without a grace time, and nothing stays alive, 10 times in a row', async () => {
    for (let round = 0; round < 10; round++) {
      const { won, alive, events } = await race(0);
      expect(won).toHaveLength(1);
      expect(alive).toEqual([false]);
      expect(await grants()).toEqual([]);
      expect(events.filter(({ type, detail }) => type === 'refresh_token.replayed' && detail?.revoked === true)).toHaveLength(1);
    }
  });
});

// D3: FAPI 2.0 section 5.3.2.1 wants no rotation for a client that proves itself and whose tokens
// are bound to its key.
describe('the refresh token of a client whose tokens are bound to its key', () => {
  const bound = newClient({ client_id: 'bound', dpop_bound_access_tokens: true });
  const bound_public = { ...PUBLIC_CLIENT, client_id: 'bound-public', dpop_bound_access_tokens: true };
  const before = { ...bound, dpop_bound_access_tokens: false };

  async function again(client: typeof bound, refresh_token: string): Promise<TokenSet> {
    const form = { grant_type: 'refresh_token', refresh_token, ...credentialsOf(client) };
    const proof = await proofFor(await newProofKey(), { now: services.time.clock() });
    const answer = await post(services, form, HOME, ADMITTED, client.dpop_bound_access_tokens ? { dpop: [proof] } : {});
    if (typeof answer === 'string' || !('access_token' in answer)) throw new Error(String(answer));
    return answer as TokenSet;
  }

  test('stays as it is for a confidential one, for as long as its grant lives', async () => {
    await registerClient(services, db.database, before);
    const first = (await newTokens(before)).refresh_token!;
    await registerClient(services, db.database, bound);
    for (const seconds of [0, 5, 60, DAY]) {
      services.time.advance(seconds);
      expect(await again(bound, first)).toMatchObject({ access_token: expect.any(String) });
      expect(await again(bound, first)).not.toHaveProperty('refresh_token');
    }
  });

  test('that was rotated before is given as it is now, within the grace time, and ends the grant after it', async () => {
    await registerClient(services, db.database, before);
    const first = (await newTokens(before)).refresh_token!;
    const { refresh_token: second } = await again(before, first);
    await registerClient(services, db.database, bound);
    expect((await again(bound, first)).refresh_token).toBe(second);
    expect(await again(bound, second!)).not.toHaveProperty('refresh_token');
    services.time.advance(60);
    await expect(again(bound, first)).rejects.toThrow(REFUSED);
    await expect(again(bound, second!)).rejects.toThrow(REFUSED);
  });

  test('rotates for a public one, and for a confidential one without a bound key', async () => {
    await registerClient(services, db.database, bound_public);
    await registerClient(services, db.database, before);
    expect((await again(before, (await newTokens(before)).refresh_token!)).refresh_token).toMatch(/^lk_rt_/);
    const code = await standardCode(services, db.database, user, bound_public);
    const key = await newProofKey();
    const proof = async () => ({ dpop: [await proofFor(key, { now: services.time.clock() })] });
    const form = { grant_type: 'authorization_code', code, code_verifier: VERIFIER, client_id: 'bound-public' };
    const { refresh_token } = (await post(services, form, HOME, ADMITTED, await proof())) as TokenSet;
    const next = { grant_type: 'refresh_token', refresh_token: refresh_token!, client_id: 'bound-public' };
    const answer = (await post(services, next, HOME, ADMITTED, await proof())) as TokenSet;
    expect(answer.refresh_token).not.toBe(refresh_token);
    expect(answer.refresh_token).toMatch(/^lk_rt_/);
  });
});
