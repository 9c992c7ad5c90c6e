// A person with a second factor who logs in by their address alone is not asked for it, as in Home
// Assistant, and no token says that they were.
import { decodeJwt } from 'jose';
import { beforeAll, expect, it } from 'vitest';
import { authorizeUrl, ISSUER, standardBrowser } from '../support/clients/standard_browser.ts';
import { callerWith } from '../support/fixtures/api.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { OWNER, startServer } from '../support/fixtures/server.ts';
import { CALLBACK } from '../support/fixtures/standard_clients.ts';
import { VERIFIER } from '../support/fixtures/standard_grants.ts';
import { enrolTotp } from '../support/fixtures/totp.ts';

const HOME = '192.168.0.5';

let owner_id: string;
const server = perFile(() =>
  startServer({
    config: {
      auth_providers: [{ type: 'homeassistant' }, { type: 'trusted_networks', trusted_networks: [`${HOME}/32`] }],
      auth_mfa_modules: [{ type: 'totp' }],
      clients: [{ client_id: 'app', redirect_uris: [CALLBACK], trusted: true }],
      http: { trusted_proxies: ['127.0.0.1'], ip_ban_enabled: false },
    },
  }),
);
beforeAll(async () => {
  const owner = callerWith(server, (await server.ownerTokens()).access_token);
  owner_id = (await owner('GET', '/api/me')).json().id;
  await enrolTotp(owner, server.clock());
});

/** Picks the owner's name on the page that trusted addresses see; answers where the app is sent. */
async function logInByAddress(fields: Record<string, string> = {}): Promise<URL> {
  const browser = standardBrowser(server, { 'x-forwarded-for': HOME });
  let url = authorizeUrl(fields);
  let answer = await browser.get(url);
  for (let step = 0; step < 10; step += 1) {
    const location = answer.headers.get('location');
    if (location === null) {
      const html = await answer.text();
      if (answer.status !== 200 || !html.includes('<form')) throw new Error(`no form: ${answer.status} ${html}`);
      answer = await browser.submit(url, html, html.includes('<option') ? { user: owner_id } : {});
      continue;
    }
    const to = new URL(location, ISSUER);
    if (to.origin !== ISSUER) return to;
    // On our own login page the person chooses how.
    url = to.search.includes('login%2Fdone') ? `${to.href}&auth_provider=trusted_networks:` : to.href;
    answer = await browser.get(url);
  }
  throw new Error(`no end at ${url}`);
}

// J9
it('a password is followed by the second factor', async () => {
  const html = (await standardBrowser(server, { 'x-forwarded-for': '203.0.113.7' }).follow(authorizeUrl({ prompt: 'login' }), OWNER)).html;
  expect(html).toContain('one-time-code');
});

// J9
it('an address is not, and the tokens claim no second factor', async () => {
  const code = (await logInByAddress()).searchParams.get('code') ?? '';
  const form = { grant_type: 'authorization_code', client_id: 'app', code, code_verifier: VERIFIER };
  const { access_token, id_token } = (await server.inject({ method: 'POST', url: '/auth/token', form, remote_address: HOME })).json();
  for (const token of [access_token, id_token])
    expect(decodeJwt(token)).toMatchObject({ sub: owner_id, amr: [], acr: expect.not.stringMatching('2') });
});

// J9
it('a client that demands a second factor refuses that login', async () => {
  const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ['2'] } } });
  const location = await logInByAddress({ claims });
  expect(location.searchParams.get('error')).toBe('unmet_authentication_requirements');
  expect(location.searchParams.has('code')).toBe(false);
});
