import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { ProviderDeps, ProviderStep } from '../../src/domain/auth_provider.ts';
import { parseFormInput } from '../../src/domain/form.ts';
import { randomId } from '../../src/domain/secret.ts';
import type { TokenSet } from '../../src/domain/token.ts';
import { provider as type } from '../../src/providers/trusted_networks.ts';
import { createUserRepository } from '../../src/repository/users.ts';
import { createAdmission } from '../../src/tokens/admission.ts';
import { type Vector, vectors } from '../support/clients/vectors.ts';
import { COMMON, NO_DEPS, stepFrom } from '../support/fixtures/auth_provider.ts';
import { createTestDatabase, type TestDatabase } from '../support/fixtures/database.ts';
import { ABROAD, CLIENT, createTokenServices, HOME, newGrant, post } from '../support/fixtures/grants.ts';
import { addPerson, addSystemGroups } from '../support/fixtures/people.ts';

type Person = Awaited<ReturnType<ProviderDeps['activeUsers']>>[number];

const NETWORKS = ['192.168.0.1', '192.168.128.0/24', '::1', 'fd00::/8'];
const CONFIG = type.config.strict();

function create(config: object, deps: Partial<ProviderDeps> = {}) {
  const { trusted_networks, trusted_users, allow_bypass_login } = type.config.parse({ trusted_networks: NETWORKS, ...config });
  const own = { trusted_networks, trusted_users, allow_bypass_login } as Parameters<typeof type.create>[0];
  return type.create({ ...COMMON, ...own, type: 'trusted_networks' }, { ...NO_DEPS, activeUsers: async () => [], ...deps });
}
const begin = (at: ReturnType<typeof create>, from: string) => at.step({ values: null, state: {}, context: stepFrom(from) });
const choose = (at: ReturnType<typeof create>, user: string, from = '192.168.0.1') =>
  at.step({ values: { user }, state: {}, context: stepFrom(from) });

function options(step: ProviderStep): string[] {
  const field = step.type === 'form' ? step.data_schema[0] : undefined;
  if (field?.type !== 'select') throw new Error(`no choice of users: ${JSON.stringify(step)}`);
  return field.options.map(([id]) => id);
}

describe("the cases drawn from Home Assistant's behaviour", () => {
  /** Cases that end otherwise here, with the reason. */
  const OVERRULED: Record<string, string> = {
    'trusted-networks-013': 'there is no Home Assistant Cloud here',
    'trusted-networks-026': 'J7: the owner is never logged in unasked unless named',
  };

  /** Users of a case have words for ids, ours have 32 characters. */
  function idsOf({ given }: Vector): Map<string, string> {
    return new Map((given.users ?? []).map(({ id }: { id: string }) => [id, randomId()]));
  }

  function providerOf({ given, request }: Vector, ids: Map<string, string>) {
    const { users = [], trusted_proxies = [], trusted_networks = NETWORKS, trusted_users = {}, allow_bypass_login = false } = given;
    const named = (users: unknown[]) => users.map((user) => ids.get(String(user)) ?? user);
    const people: Person[] = users
      .filter((user: { system_generated?: boolean }) => !user.system_generated)
      .map(({ id, groups = [] }: { id: string; groups?: string[] }) => {
        return { id: ids.get(id), name: id, is_owner: id === 'owner', group_ids: groups };
      });
    const config = { trusted_networks, allow_bypass_login, ...request.config };
    const offered = Object.entries<unknown[]>(trusted_users).map(([network, users]) => [network, named(users)]);
    return create({ ...config, trusted_users: Object.fromEntries(offered) }, { trusted_proxies, activeUsers: async () => people });
  }

  async function judge(vector: Vector): Promise<void> {
    const { request, expect: want } = vector;
    const ids = idsOf(vector);
    if ('config' in request) {
      const { type: _, ...block } = request.config;
      return expect(CONFIG.safeParse(block).success).toBe(want.valid);
    }
    const provider = providerOf(vector, ids);
    if ('access_from' in request) return expect(provider.refusal(request.access_from)).toBe(want.allowed ? null : want.why);
    if ('refresh_with_remote' in request) return expect(provider.refusal(request.refresh_with_remote ?? '')).toBe(want.why);
    if ('login_as' in request) return expect(await choose(provider, request.login_as)).toMatchObject({ type: 'abort' });
    const step = await begin(provider, request.start_flow_from);
    if (want.type === 'create_entry') return expect(step).toMatchObject({ identity: { user_id: ids.get(want.user) } });
    if (want.type === 'abort') return expect(step).toEqual({ type: 'abort', reason: want.reason });
    expect(step).toMatchObject({ type: 'form', step_id: 'init', errors: null, data_schema: [{ name: 'user' }] });
    expect(options(step)).toEqual(want.offered.map((id: string) => ids.get(id)));
  }

  for (const vector of vectors('trusted-networks')) {
    const reason = OVERRULED[vector.id];
    if (reason === undefined) test(vector.id, () => judge(vector));
    else test(`${vector.id} is overruled: ${reason}`, () => expect(judge(vector)).rejects.toThrow());
  }
});

describe('a configuration', () => {
  for (const [story, block, ok] of [
    ['with a single network and a single user needs no lists', { trusted_networks: '::1', trusted_users: { '::1': randomId() } }, true],
    ['with a group alone', { trusted_networks: [], trusted_users: { '::1': { group: ['a', 'b'] } } }, true],
    ['without networks', {}, false],
    ['with host bits', { trusted_networks: ['192.168.0.1/24'] }, false],
    ['with host bits of a user network', { trusted_networks: [], trusted_users: { '192.168.0.1/24': [] } }, false],
    // J5
    ['with an IPv4-mapped network', { trusted_networks: ['::ffff:10.0.0.0/104'] }, false],
    ['with a name', { trusted_networks: ['router.local'] }, false],
    ['with a user network that is none', { trusted_networks: [], trusted_users: { home: [] } }, false],
    ['with an unknown word beside group', { trusted_networks: [], trusted_users: { '::1': [{ group: 'a', user: 'b' }] } }, false],
    ['with a key that is not known', { trusted_networks: [], trusted_network: [] }, false],
  ] as const) {
    test(`${story} is ${ok ? 'accepted' : 'refused'}`, () => {
      expect(CONFIG.safeParse(block).success).toBe(ok);
    });
  }
});

describe('a choice of users', () => {
  const ada = { id: randomId(), name: 'Ada', is_owner: true, group_ids: [] };
  const bob = { id: randomId(), name: null, is_owner: false, group_ids: ['system-users', 'family'] };
  let people: Person[] = [];
  const offering = (config: object, ...found: Person[]) => {
    people = found;
    return create(config, { activeUsers: async () => people });
  };

  it('shows names, or the id of who has none', async () => {
    expect(await begin(offering({}, ada, bob), '::1')).toEqual({
      type: 'form',
      step_id: 'init',
      data_schema: [
        {
          type: 'select',
          name: 'user',
          required: true,
          options: [
            [ada.id, 'Ada'],
            [bob.id, bob.id],
          ],
        },
      ],
      errors: null,
    });
  });

  it('proves who was chosen, and nothing about how', async () => {
    const identity = { subject: ada.id, user_id: ada.id, data: { user_id: ada.id }, name: 'Ada', amr: [] };
    expect(await choose(offering({}, ada, bob), ada.id)).toEqual({ type: 'identity', identity });
  });

  it('is made by the first network in the order of the file', async () => {
    const wide_first = { '192.168.0.0/16': [bob.id], '192.168.0.1': [ada.id] };
    const narrow_first = { '192.168.0.1': [ada.id], '192.168.0.0/16': [bob.id] };
    expect(options(await begin(offering({ trusted_users: wide_first }, ada, bob), '192.168.0.1'))).toEqual([bob.id]);
    expect(options(await begin(offering({ trusted_users: narrow_first }, ada, bob), '192.168.0.1'))).toEqual([ada.id]);
  });

  // J8
  it('takes no id that is not offered', async () => {
    const provider = offering({ trusted_users: { '192.168.0.1': [{ group: 'family' }] } }, ada, bob);
    const step = await begin(provider, '192.168.0.1');
    expect(step.type === 'form' && parseFormInput(step.data_schema, { user: ada.id })).toBeNull();
    expect(step.type === 'form' && parseFormInput(step.data_schema, { user: bob.id })).toEqual({ user: bob.id });
    expect(await choose(provider, ada.id)).toEqual({ type: 'abort', reason: 'not_allowed' });
  });

  // J8
  it('does not let in who was deactivated meanwhile', async () => {
    const provider = offering({}, ada, bob);
    expect(options(await begin(provider, '::1'))).toContain(bob.id);
    people = [ada];
    expect(await choose(provider, bob.id)).toEqual({ type: 'abort', reason: 'not_allowed' });
  });

  it('ends when the browser leaves the network', async () => {
    expect(await choose(offering({}, ada, bob), ada.id, ABROAD)).toEqual({ type: 'abort', reason: 'not_allowed' });
  });

  // J7
  describe('with bypass', () => {
    const bypass = (trusted_users: object, ...found: Person[]) =>
      begin(offering({ allow_bypass_login: true, trusted_users }, ...found), '::1');

    it.each<[string, object, Person[], string]>([
      ['shows an empty form when nobody is offered', { '::1': [] }, [ada, bob], 'form'],
      ['shows an empty form when nobody is there', {}, [], 'form'],
      ['logs in the only one', {}, [bob], bob.id],
      ['logs in the only one of a group', { '::1': { group: 'family' } }, [ada, bob], bob.id],
      ['lets one of two choose', {}, [ada, bob], 'form'],
      ['asks the owner who is the only one', {}, [ada], 'form'],
      ['asks the owner who is the only one of a group', { '::1': { group: 'family' } }, [{ ...ada, group_ids: ['family'] }], 'form'],
      ['logs in the owner who is named', { '::1': [ada.id] }, [ada, bob], ada.id],
      ['asks the owner who is named for another network', { '10.0.0.1': [ada.id] }, [ada], 'form'],
    ])('%s', async (_story, trusted_users, found, want) => {
      const step = await bypass(trusted_users, ...found);
      expect(step.type === 'identity' ? step.identity.user_id : step.type).toBe(want);
    });
  });
});

it('makes no users and asks for no second factor', () => {
  expect(create({})).toMatchObject({ name: 'Trusted Networks', auth_provider_id: null, new_users: 'refuse', support_mfa: false });
});

describe('on a real database', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
    await addSystemGroups(db.database);
  });
  afterAll(() => db.close());

  // J8
  it('neither machines nor people who are pending or inactive are offered', async () => {
    const active = await addPerson(db.database, { group_ids: ['system-users'] });
    for (const differences of [{ system_generated: true }, { is_active: false }, { is_active: false, is_pending: true }])
      await addPerson(db.database, { ...differences, group_ids: ['system-users'] });
    const provider = create(
      { trusted_users: { '::1': { group: 'system-users' } } },
      { activeUsers: createUserRepository(db.database).active },
    );
    expect(options(await begin(provider, '::1'))).toEqual([active.id]);
  });

  // D15, J3
  it('a refresh token is good in the network only, an access token of it anywhere', async () => {
    const services = await createTokenServices(db.database);
    const admissions = createAdmission([create({ trusted_networks: ['192.168.1.0/24'] }, { trusted_proxies: ['192.168.1.1'] })]);
    const user = await addPerson(db.database);
    const { refresh_token, row } = newGrant(user, { auth_provider_type: 'trusted_networks', amr: [] });
    await services.refreshTokens.create(row);
    const refresh = (from: string) =>
      post(services, { grant_type: 'refresh_token', client_id: CLIENT, refresh_token }, from, admissions(from));

    const { access_token } = (await refresh(HOME)) as TokenSet;
    expect(await refresh(ABROAD)).toBe('access_denied: Not in trusted_networks');
    expect(await refresh('192.168.1.1')).toBe("access_denied: Can't allow access from a proxy server");
    expect(await services.bearer.authenticate(access_token, ABROAD)).toMatchObject({ user: { id: user.id } });
    expect(await refresh(HOME)).toMatchObject({ access_token: expect.any(String) });
    await services.close();
  });
});
