import bcrypt from '@node-rs/bcrypt';
import { beforeAll, describe, expect, it, test } from 'vitest';
import type { AuthProvider, CommonProviderConfig, PasswordHashing, StepContext } from '../../src/domain/auth_provider.ts';
import { AuthError } from '../../src/domain/errors.ts';
import { provider as type } from '../../src/providers/homeassistant.ts';
import { createLocalLoginRepository, type LocalLoginRepository } from '../../src/repository/local_logins.ts';
import { createPasswordHasher } from '../../src/secrets/password_hasher.ts';
import { NO_DEPS } from '../support/fixtures/auth_provider.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const { clock } = createTestClock();
const hasher = createPasswordHasher({ wait_ms: 30_000 });
const common: CommonProviderConfig = { type: 'homeassistant', new_users: 'approve', default_groups: ['system-users'], require_mfa: false };
let localLogins: LocalLoginRepository;
let local: AuthProvider;
const attempted: string[] = [];

const context: StepContext = {
  flow_id: '',
  remote_address: '198.51.100.7',
  callback_url: '',
  attempt(name, guess) {
    attempted.push(name);
    return guess();
  },
};

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  localLogins = createLocalLoginRepository(db.database);
  local = createProvider(hasher);
  for (const [username, password] of [
    ['test-user', 'test-pass'],
    ['strasse', 'a'.repeat(72)],
    ['inner blank', 'x'],
  ])
    await store(username!, await hasher.hash(password!));
});

function createProvider(passwords: PasswordHashing): AuthProvider {
  const deps = { ...NO_DEPS, clock, hasher: passwords, localLogins };
  return type.create({ ...common, minimum_password_length: 8 }, deps);
}
const store = (username: string, password_hash: string) =>
  localLogins.insert(db.database.kysely, { username, password_hash, now: clock() });
const login = (username: string, password: string, at = local) => at.step({ values: { username, password }, state: {}, context });
const form = (errors: object) => ({ type: 'form', step_id: 'init', data_schema: expect.any(Array), errors });

it('a fresh form has no errors and asks for a username and a password', async () => {
  const step = await local.step({ values: null, state: {}, context });
  expect(step).toEqual(form({}));
  expect(step.type === 'form' && step.data_schema).toEqual([
    { type: 'string', name: 'username', required: true },
    { type: 'string', name: 'password', required: true },
  ]);
});

describe('a password', () => {
  const long = 'a'.repeat(72);
  test.each<[string, string, string, boolean]>([
    ['that is right is accepted', 'test-user', 'test-pass', true],
    ['that is wrong is not', 'test-user', 'Test-pass', false],
    ['is not trimmed', 'test-user', 'test-pass ', false],
    ['of a name that nobody has is not accepted', 'non-existing', 'pw', false],
    // H8
    ['is compared beyond 72 bytes', 'strasse', `${long}X`, false],
    ['of 72 bytes is accepted', 'strasse', long, true],
    // H12
    ['belongs to the name without the blanks around it', ' \t test-user\u3000', 'test-pass', true],
    ['belongs to the name in any case', 'TEST-User', 'test-pass', true],
    ['belongs to the name fully case-folded', 'STRAßE', long, true],
    ['belongs to a name with inner blanks kept', 'Inner Blank', 'x', true],
    ['does not belong to the name without its inner blanks', 'innerblank', 'x', false],
  ])('%s', async (_story, username, password, ok) => {
    const step = await login(username, password);
    expect(step).toMatchObject(ok ? { type: 'identity' } : form({ base: 'invalid_auth' }));
  });
});

it('what is found out is the normalised username, proven by a password', async () => {
  const identity = { subject: 'test-user', data: { username: 'test-user' }, name: 'test-user', amr: ['pwd'] };
  expect(await login(' TEST-user ', 'test-pass')).toEqual({ type: 'identity', identity });
  expect(attempted.at(-1)).toBe('test-user');
});

// H1
it('a name that nobody has costs the same work', async () => {
  const work: string[] = [];
  const counting: PasswordHashing = {
    hash: async () => '',
    verify: async () => ({ ok: false, outdated: work.push('verify') < 0 }),
    verifyNothing: async () => void work.push('verify'),
  };
  for (const username of ['test-user', 'non-existing']) await login(username, 'wrong', createProvider(counting));
  expect(work).toEqual(['verify', 'verify']);
});

// H11
describe('a bcrypt hash from Home Assistant', () => {
  const hashOf = async (username: string) => (await localLogins.find(username))?.password_hash;

  it('becomes argon2id at the first login, and stays at a wrong password', async () => {
    const old_hash = await bcrypt.hash('from-ha', 4);
    await store('imported', old_hash);
    await login('imported', 'wrong');
    expect(await hashOf('imported')).toBe(old_hash);
    expect(await login('imported', 'from-ha')).toMatchObject({ type: 'identity' });
    expect(await hashOf('imported')).toMatch(/^\$argon2id\$/);
    expect(await login('imported', 'from-ha')).toMatchObject({ type: 'identity' });
  });

  it('lets in and stays when there is no time to hash again', async () => {
    const old_hash = await bcrypt.hash('from-ha', 4);
    await store('busy', old_hash);
    const busy = () => Promise.reject(new AuthError('unavailable', 'busy'));
    expect(await login('busy', 'from-ha', createProvider({ ...hasher, hash: busy }))).toMatchObject({ type: 'identity' });
    expect(await hashOf('busy')).toBe(old_hash);
  });
});

it('a password is asked to have eight characters unless the operator says otherwise', () => {
  expect(type.config.parse({})).toEqual({ minimum_password_length: 8 });
  expect(type.config.safeParse({ minimum_password_length: 0 }).success).toBe(false);
});

// W17: `ü` is one character on some machines and two on others.
describe('a name and a password typed on another machine', () => {
  const COMPOSED = 'm\u00fcller';
  const DECOMPOSED = 'mu\u0308ller';
  const subjectOf = async (username: string, password: string) => {
    const step = await login(username, password);
    return step.type === 'identity' ? step.identity.subject : null;
  };

  it('are compared as they came, else in form NFC', async () => {
    await store(COMPOSED, await hasher.hash('pa\u00df \u00fc'));
    await store('zoe\u0308', await hasher.hash('u\u0308 stored by an earlier version'));
    expect(await subjectOf(DECOMPOSED, 'pa\u00df u\u0308')).toBe(COMPOSED);
    expect(await subjectOf(COMPOSED, 'pa\u00df u\u0308')).toBe(COMPOSED);
    expect(await subjectOf('Zoe\u0308', 'u\u0308 stored by an earlier version')).toBe('zoe\u0308');
    expect(await subjectOf(DECOMPOSED, 'pass u')).toBeNull();
  });

  it('count as one name, and take as much work where there is no such login', async () => {
    attempted.splice(0);
    const works: string[] = [];
    const counting: PasswordHashing = {
      ...hasher,
      verify: async () => {
        works.push('verify');
        return { ok: false, outdated: false };
      },
      verifyNothing: async () => void works.push('nothing'),
    };
    await login(DECOMPOSED, 'u\u0308', createProvider(counting));
    await login('nobo\u0308dy', 'u\u0308', createProvider(counting));
    expect(works).toEqual(['verify', 'verify', 'nothing', 'nothing']);
    await login(COMPOSED, 'x');
    expect(attempted).toEqual([COMPOSED, 'nob\u00f6dy', COMPOSED]);
  });
});
