// What is answered where a login is not fresh, by the dialect of the token. Which changes need a
// fresh login: test/security/fresh_login.test.ts.
import { beforeAll, expect, it } from 'vitest';
import type { LoginProof } from '../../src/accounts/actor.ts';
import { createFactors } from '../../src/accounts/factors.ts';
import { createFreshLogin, type FreshLogin } from '../../src/accounts/fresh_login.ts';
import { randomId } from '../../src/domain/secret.ts';
import { stepUpChallenge } from '../../src/http/server/step_up.ts';
import { createCredentialRepository } from '../../src/repository/credentials.ts';
import { createMfaEnrolmentRepository } from '../../src/repository/mfa_enrolments.ts';
import { insecureMfa } from '../support/fakes/insecure_mfa.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { SEALER } from '../support/fixtures/grants.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const old = { auth_time: new Date(NOON.getTime() - 301_000), amr: ['pwd'], is_login: true };

let freshLogin: FreshLogin;
const ids: string[] = [];

const db = perFile(() => createTestDatabase());
beforeAll(async () => {
  const mfaEnrolments = createMfaEnrolmentRepository(db.database, SEALER);
  const credentials = createCredentialRepository(db.database);
  const factors = createFactors({ modules: [insecureMfa()], providers: new Map(), mfaEnrolments, credentials });
  freshLogin = createFreshLogin({ factors, clock: () => NOON });
  for (const name of ['ada', 'ben']) ids.push((await addPerson(db.database, { name })).id);
  const enrolment = {
    id: randomId(),
    user_id: ids[1]!,
    mfa_module_id: 'insecure_example',
    secret: { pin: '1' },
    name: null,
    device_id: null,
    created_at: NOON,
  };
  await db.database.transaction((trx) => mfaEnrolments.put(trx, enrolment, { replaces: false }));
});

/** Of the person with that many second factors. */
const require = (login: LoginProof, factors = 0) => freshLogin.require({ user_id: ids[factors]!, login });

it('Home Assistant’s tokens get reauth_required, without a challenge', async () => {
  await expect(require({ ...old, profile: 'home_assistant' })).rejects.toMatchObject({ code: 'reauth_required', status: 403 });
});

it.each([
  [0, { max_age: 300 }, 'max_age=300'],
  [1, { max_age: 300, acr: '2' }, 'acr_values="2", max_age=300'],
])('standard tokens get a challenge with what the login must be: with %s second factors', async (factors, params, challenge) => {
  await expect(require({ ...old, profile: 'standard' }, factors)).rejects.toMatchObject({
    code: 'insufficient_user_authentication',
    status: 401,
    params,
  });
  expect(stepUpChallenge(params, 'x')).toBe(`Bearer error="insufficient_user_authentication", error_description="x", ${challenge}`);
});

it('a token that leaves out the rights of its user changes no login method, however fresh', async () => {
  const limited = { ...old, auth_time: NOON, profile: 'standard', is_limited: true } as const;
  await expect(require(limited)).rejects.toMatchObject({ code: 'insufficient_scope', status: 403 });
});

it('five minutes are fresh, with the second factor where there is one', async () => {
  const fresh = { ...old, auth_time: new Date(NOON.getTime() - 300_000) };
  await expect(require(fresh)).resolves.toBeUndefined();
  await expect(require(fresh, 1)).rejects.toMatchObject({ code: 'reauth_required' });
  await expect(require({ ...fresh, amr: ['pwd', 'otp', 'mfa'] }, 1)).resolves.toBeUndefined();
});
