// Each thing that matters for security leaves one event that says who, whom, from where and how it
// went, and no secret.
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditEventType } from '../../src/domain/audit_event.ts';
import { addApiPerson, type Call, callerWith, type Person } from '../support/fixtures/api.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { REMOTE_ADDRESS, startServer } from '../support/fixtures/server.ts';
import { enrolTotp } from '../support/fixtures/totp.ts';

let owner: Call;
let owner_id: string;
let ben: Person;
let me: Call;
/** What must be in no event. */
const secrets: string[] = [];
const NEW_PASSWORD = 'SECRET another good password';

const server = perFile(() => startServer({ config: { auth_mfa_modules: [{ type: 'totp' }], http: { ip_ban_enabled: false } } }));
beforeAll(async () => {
  const { access_token } = await server.ownerTokens();
  owner = callerWith(server, access_token);
  owner_id = (await owner('GET', '/api/me')).json().id;
  ben = await addApiPerson(server, owner, 'ben');
  me = callerWith(server, ben.access_token);
  secrets.push(access_token, ben.access_token, ben.password, NEW_PASSWORD);
});

type Who = 'owner' | 'ben' | 'none';
type Action = [what: string, type: AuditEventType, outcome: 'done' | 'refused', actor: Who, target: Who, act: () => Promise<unknown>];

let token_id: string;
const path = (rest = '') => `/api/users/${ben.id}${rest}`;
const ACTIONS: Action[] = [
  ['a login', 'login.succeeded', 'done', 'none', 'ben', async () => secrets.push(await server.login(ben))],
  ['a wrong password', 'login.failed', 'refused', 'none', 'none', () => server.login({ ...ben, password: 'SECRET wrong' }).catch(() => {})],
  [
    'a long-lived token',
    'refresh_token.created',
    'done',
    'ben',
    'ben',
    async () => {
      const made = (await me('POST', '/api/me/long_lived_access_tokens', { client_name: 'script' })).json();
      token_id = made.refresh_token_id;
      secrets.push(made.token);
    },
  ],
  ['its end', 'refresh_token.revoked', 'done', 'ben', 'ben', () => me('DELETE', `/api/me/refresh_tokens/${token_id}`)],
  ['a second factor', 'mfa.enrolled', 'done', 'ben', 'ben', async () => secrets.push(await enrolTotp(me, server.clock()))],
  ['its end by an administrator', 'mfa.removed', 'done', 'owner', 'ben', () => owner('DELETE', path('/mfa'))],
  [
    'a password set by an administrator',
    'local_login.password_changed',
    'done',
    'owner',
    'ben',
    () => owner('PUT', path('/login/password'), { password: NEW_PASSWORD }),
  ],
  ['new rights', 'user.updated', 'done', 'owner', 'ben', () => owner('PATCH', path(), { group_ids: ['system-admin'] })],
  ['disabling', 'user.updated', 'done', 'owner', 'ben', () => owner('PATCH', path(), { is_active: false })],
  ['deletion', 'user.deleted', 'done', 'owner', 'ben', () => owner('DELETE', path())],
  ['a new user', 'user.created', 'done', 'owner', 'none', () => owner('POST', '/api/users', { name: 'cyd' })],
];

async function events() {
  await server.container.audit.flush();
  return (await server.container.audit.list({ limit: 200, cursor: null })).items;
}

// M17
describe('the audit log', () => {
  it.each(ACTIONS)('has one event of %s', async (what, type, outcome, actor, target, act) => {
    const last = (await events())[0]?.id ?? 0;
    await act();
    const new_ones = (await events()).filter((event) => event.id > last && event.type === type);
    const idOf = { owner: owner_id, ben: ben.id, none: expect.toBeOneOf([null, expect.any(String)]) };
    const wanted = { type, outcome, actor_user_id: idOf[actor], target_user_id: idOf[target], remote_address: REMOTE_ADDRESS };
    expect(new_ones, what).toEqual([expect.objectContaining(wanted)]);
  });

  it('has no password, token, code or seed in it', async () => {
    const text = JSON.stringify(await events());
    expect(secrets.length).toBeGreaterThanOrEqual(7);
    expect([...secrets, 'SECRET'].filter((secret) => text.includes(secret))).toEqual([]);
  });
});
