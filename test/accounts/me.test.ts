import { expect, test } from 'vitest';
import { createAccounts } from '../support/fixtures/accounts.ts';
import { loginAt } from '../support/fixtures/fresh_login.ts';
import { HOME } from '../support/fixtures/grants.ts';
import { addPerson } from '../support/fixtures/people.ts';

test('callers see their profile, their login methods and the available second factors', async () => {
  const a = await createAccounts();
  const user = await addPerson(a.database, { name: 'Paulus', username: 'paulus', group_ids: ['system-admin'] });
  const actor = { user_id: user.id, is_owner: false, is_admin: true, remote_address: HOME, login: loginAt(a.time.clock()) };
  const { token } = await a.refreshTokens.createLongLived({ user }, { client_name: 'x', lifespan: 1 }, actor);
  const caller = await a.tokens.bearer.authenticate(token, HOME);
  expect(await a.me.get(caller!)).toEqual({
    ...{ id: user.id, name: 'Paulus', is_owner: false, is_admin: true },
    credentials: [{ auth_provider_type: 'homeassistant', auth_provider_id: null }],
    mfa_modules: [{ id: 'totp', name: 'Authenticator app', enabled: false }],
    ...{ username: 'paulus', email: null, email_verified: false, picture: null, locale: null, zoneinfo: null },
  });
  await a.close();
});
