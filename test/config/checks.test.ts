// What a configuration check finds before anything starts, all of it at once, and what it warns of.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isConfigError } from '../../src/config/issues.ts';
import { loadConfig } from '../../src/config/load.ts';
import { resolveProxies } from '../../src/config/proxy_names.ts';
import { configWarnings } from '../../src/config/warnings.ts';
import { mfa_module as notify } from '../../src/mfa_modules/notify.ts';
import { provider as homeassistant } from '../../src/providers/homeassistant.ts';
import { provider as ldap } from '../../src/providers/ldap/index.ts';
import { provider as oidc } from '../../src/providers/oidc/index.ts';
import { load, newFolder, write } from './support.ts';

const KEY = 'k'.repeat(32);

/** With the real plug-ins; the folder and the place in the file are left out. */
async function complaints(yaml: string, folder = newFolder()): Promise<string[]> {
  const provider_types = new Map([homeassistant, ldap, oidc].map(({ type, config }) => [type, config]));
  const mfa_module_types = new Map([[notify.type, notify.config]]);
  const file = write(folder, 'config.yaml', `auth_mfa_modules: []\n${yaml}`);
  try {
    await loadConfig({ file, env: {}, provider_types, mfa_module_types });
    return [];
  } catch (error) {
    if (!isConfigError(error)) throw error;
    return error.complaints.map((text) => text.replaceAll(`${folder}/`, '').replace(/^config\.yaml:\d+:\d+ /, ''));
  }
}

const LDAP = 'auth_providers:\n  - { type: ldap, url: "ldaps://a.example", base_dn: "dc=a"';
const OIDC = 'auth_providers:\n  - { type: oidc, client_id: a, client_secret: b';

describe('a check finds', () => {
  // U8
  it('a certificate file that is missing or holds none', async () => {
    const folder = newFolder();
    write(folder, 'empty.pem', 'no certificate');
    const tls = (file: string) => `database: { tls: { mode: verify-full, ca_file: ${file} } }`;
    expect(await complaints(tls('ca.pem'), folder)).toEqual(['database.tls.ca_file: ca.pem: there is no such file']);
    expect(await complaints(tls('empty.pem'), folder)).toEqual(['database.tls.ca_file: empty.pem: it holds no certificate in PEM']);
    expect(await complaints('database: { tls: { ca_file: ca.pem } }', folder)).toEqual([
      'database.tls.ca_file: ca.pem: there is no such file',
      'database.tls.ca_file: is used by mode verify-full only',
    ]);
    expect(await complaints(`${LDAP}, ca_file: ca.pem }`, folder)).toEqual(['auth_providers[0].ca_file: ca.pem: there is no such file']);
  });

  // U8
  it.each([
    ['postgres://latchkey:pa#ss@db.example.com/latchkey', /has a # that ends the address/],
    ['postgres://latchkey:pa/ss@db.example.com/latchkey', /percent-encoded/],
    ['postgres://latchkey:pass@db.example.com:port/latchkey', /percent-encoded/],
  ])('%s', async (url, complaint) => {
    expect(await complaints(`secret_key: ${KEY}\ndatabase_url: ${JSON.stringify(url)}`)).toEqual([expect.stringMatching(complaint)]);
  });

  it.each(['postgres://u:p%23@db.example.com/l', 'postgresql:///l?host=/run/postgresql', 'postgres://u@/l?host=%2Frun'])(
    'nothing in %s',
    async (url) => {
      expect(await complaints(`secret_key: ${KEY}\ndatabase_url: ${JSON.stringify(url)}`)).toEqual([]);
    },
  );

  // U8
  it('a sender without an address', async () => {
    const smtp = (from: string) => `auth_mfa_modules:\n  - { type: notify, smtp: { host: a.example, from: ${JSON.stringify(from)} } }`;
    const check = async (from: string) => (await complaints(smtp(from))).filter((text) => text.includes('smtp.from'));
    expect(await check('Latchkey')).toEqual([expect.stringContaining('must have an e-mail address')]);
    for (const from of ['auth@example.com', 'Latchkey <auth@example.com>']) expect(await check(from)).toEqual([]);
  });

  // U8
  it.each(['common', 'organizations', 'consumers/v2.0'])('the Microsoft issuer of %s', async (tenant) => {
    expect(await complaints(`${OIDC}, preset: microsoft, issuer: "https://login.microsoftonline.com/${tenant}" }`)).toEqual([
      expect.stringContaining('stands for every Microsoft tenant'),
    ]);
  });

  // U8
  it('rules between fields together with what is wrong in other fields', async () => {
    expect((await complaints(`${LDAP}, user_dn: "uid={username}", group_name: "a b" }`)).sort()).toEqual([
      expect.stringContaining('group_name: must be the name of an attribute'),
      expect.stringContaining('user_dn: give either base_dn or user_dn, not both'),
    ]);
    expect((await complaints(`${OIDC}, scopes: [email], claims: { subject: email } }`)).sort()).toEqual([
      expect.stringContaining('claims.subject: must be what never changes'),
      expect.stringContaining('issuer: is required'),
      expect.stringContaining('scopes: must have openid among them'),
    ]);
    const client = 'clients:\n  - { client_id: a, redirect_uris: ["https://a.example/#x"], client_name: "", trusted: maybe }';
    expect((await complaints(client)).map((text) => text.split(':')[0])).toEqual(
      expect.arrayContaining(['clients[0].redirect_uris[0]', 'clients[0].client_name', 'clients[0].trusted']),
    );
    const rules = 'forward_auth:\n  rules:\n    - { host: A }\n    - { host: a.example, groups: [nobody] }';
    expect((await complaints(rules)).map((text) => text.split(':')[0])).toEqual(
      expect.arrayContaining(['forward_auth.rules[0].host', 'forward_auth.rules[1].groups[0]']),
    );
  });

  it('no rule whose own field is wrong', async () => {
    expect(await complaints('auth_providers:\n  - { type: ldap, url: 5, base_dn: "dc=a" }')).toEqual([
      expect.stringContaining('url: must be'),
    ]);
  });
});

describe('a check warns', () => {
  const warningsOf = async (public_url: string) => configWarnings(await load(`public_url: ${public_url}`));

  // U12
  it.each(['http://auth.example.com', 'http://203.0.113.9:8420', 'http://[2001:db8::1]'])('of %s', async (url) => {
    expect(await warningsOf(url)).toEqual([expect.stringContaining('is plain http')]);
  });

  it.each([
    'https://auth.example.com',
    'http://localhost:8420',
    'http://192.168.1.5:8420',
    'http://[::1]',
    'http://auth.lan',
    'http://nas:8420',
  ])('not of %s', async (url) => {
    expect(await warningsOf(url)).toEqual([]);
  });

  // U7
  it('of a proxy whose name does not resolve, and takes one that does', async () => {
    expect((await load('http: { trusted_proxies: [localhost, 10.0.0.0/8] }')).http.trusted_proxies).toEqual(
      expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/), '10.0.0.0/8']),
    );
    const lookUp = async (name: string) =>
      name === 'caddy' ? [{ address: '172.18.0.5' }, { address: 'fd00::5' }] : Promise.reject(new Error('ENOTFOUND'));
    const resolved = await resolveProxies(['caddy', 'traefik', '10.0.0.0/8'], lookUp);
    expect(resolved).toEqual({ networks: ['172.18.0.5', 'fd00::5', '10.0.0.0/8'], unresolved: ['traefik'] });
    const config = { ...(await load('')), unresolved_proxies: resolved.unresolved };
    expect(configWarnings(config)).toEqual([expect.stringContaining('traefik does not resolve')]);
  });
});

// U12
it('the example says that standard codes live 60 s at most', () => {
  expect(readFileSync('config.example.yaml', 'utf8')).toMatch(/60s at most[^\n]*\n(.*\n){0,1}.*authorization_code_lifetime/);
});

// U7
it('the compose file names trusted proxies in its own network, and where a configuration is mounted', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docker-compose.yml'), 'utf8');
  const { services, networks } = parse(text.replaceAll(/^( *)#(.*) # config$/gm, '$1$2'));
  const { environment, volumes } = services.latchkey;
  expect(JSON.parse(environment.LATCHKEY_HTTP_TRUSTED_PROXIES)).toEqual([networks.default.ipam.config[0].subnet]);
  expect(volumes[0].split(':')[1]).toBe(environment.LATCHKEY_CONFIG);
});
