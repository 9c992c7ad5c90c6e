import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isConfigError } from '../../src/config/issues.ts';
import { findConfigFile, loadConfig } from '../../src/config/load.ts';
import { complaints, load, MFA_MODULE_TYPES, newFolder, PROVIDER_TYPES, write } from './support.ts';

const KEY = 'k'.repeat(32);

describe('without a file', () => {
  test('the server has an embedded database, the local provider and TOTP', async () => {
    const config = await load();
    expect(config).toMatchObject({
      listen: { host: '0.0.0.0', port: 8420 },
      data_dir: join(process.cwd(), 'data'),
      auth_providers: [
        { type: 'homeassistant', new_users: 'approve', default_groups: ['system-users'], require_mfa: false, min_password_length: 8 },
      ],
      auth_mfa_modules: [{ type: 'totp', id: 'totp' }],
      tokens: { access_token_lifetime: 1800, refresh_token_idle_lifetime: null, refresh_token_grace: 10, authorization_code_lifetime: 600 },
      http: { login_attempts_threshold: 10, ip_ban_enabled: true, ip_ban_duration: 3600 },
    });
    expect(config.database_url).toBeUndefined();
    expect(config.public_url).toBeUndefined();
    expect(config.auth_providers[0]!.id).toBeUndefined();
  });

  test('an empty file and empty blocks are the same as no file', async () => {
    const { data_dir: _, ...bare } = await load();
    for (const yaml of ['', '# only a comment\n', 'http:\nlisten:\n  port:\nauth_providers:\n', 'auth_providers: []\n']) {
      const { data_dir, ...config } = await load(yaml);
      expect(config, yaml).toEqual(bare);
    }
  });

  test('a file that is named must exist', async () => {
    const error = await loadConfig({
      file: '/nowhere/config.yaml',
      env: {},
      provider_types: PROVIDER_TYPES,
      mfa_module_types: MFA_MODULE_TYPES,
    }).catch((thrown: unknown) => thrown);
    expect(isConfigError(error) && error.complaints).toEqual(['/nowhere/config.yaml: there is no such file']);
    expect(isConfigError(new Error('other'))).toBe(false);
  });

  test('the environment may name the file', () => {
    expect(findConfigFile({ LATCHKEY_CONFIG: '/etc/latchkey.yaml' })).toBe('/etc/latchkey.yaml');
  });
});

test('all issues are reported at once, in the order of the file, with line and column', async () => {
  expect(
    await complaints(
      [
        'public_ur: https://a.example', // 1
        'listen: { port: 70000 }',
        'tokens:',
        '  access_token_lifetime: 30',
        'auth_providers:',
        '  - type: homeassistant', // 6
        '  - type: ldap',
        '    url: http://x',
        '    default_groups: [system-users, famly]',
        'groups:',
        '  - { id: family, name: Family, policy: { entities: { domain: true } } }', // 11
      ].join('\n'),
    ),
  ).toEqual([
    'config.yaml:1:1 public_ur: unknown setting; did you mean "public_url"?',
    'config.yaml:2:11 listen.port: must be a whole number from 0 to 65535',
    'config.yaml:4:3 tokens.access_token_lifetime: must be a duration from 1m to 1d, such as 30s, 10m, 12h or 90d',
    'config.yaml:8:5 auth_providers[1].url: must be a ldaps URL',
    'config.yaml:9:36 auth_providers[1].default_groups[1]: there is no such group; did you mean "family"?',
    expect.stringMatching(/^config\.yaml:11:55 groups\[0\]\.policy\.entities\.domain: is unknown/),
  ]);
});

test('direct_url requires a pooler address', async () => {
  const database = 'database: { direct_url: postgres://db.example.com/latchkey }';
  expect(await complaints(database)).toEqual(['config.yaml:1:13 database.direct_url: requires database_url']);
  const { database: settings } = await load(`${database}\ndatabase_url: postgres://pooler.example.com/latchkey\nsecret_key: ${KEY}`);
  expect(settings.direct_url).toBe('postgres://db.example.com/latchkey');
});

describe('values', () => {
  // Each value alone; the complaint follows `config.yaml:LINE:COLUMN `.
  for (const [yaml, complaint] of [
    ['public_url: https://a.example/path', 'public_url: must be an http or https URL of a host alone'],
    ['public_url: https://a.example?', 'public_url: must be an http or https URL of a host alone'],
    ['public_url: https://u:p@a.example', 'public_url: must be an http or https URL of a host alone'],
    ['public_url: ftp://a.example', 'public_url: must be an http or https URL of a host alone'],
    ['listen: { port: 1.5 }', 'listen.port: must be a whole number from 0 to 65535'],
    ['listen: { port: "8420" }', 'listen.port: must be a whole number from 0 to 65535'],
    ['listen: 8420', 'listen: must be a block of settings'],
    ['listen: { hst: a }', 'listen.hst: unknown setting; did you mean "host"?'],
    ['log: { level: wran }', 'log.level: must be one of fatal, error, warn, info, debug, trace, silent; did you mean "warn"?'],
    ['log: { requests: yes }', 'log.requests: must be true or false'],
    ['database: { pool_size: 0 }', 'database.pool_size: must be a whole number from 1 to 500'],
    ['http: { trusted_proxies: 10.0.0.0/8 }', 'http.trusted_proxies: must be a list'],
    ['http: { trusted_proxies: [10.0.0.1/8] }', 'http.trusted_proxies[0]: must be an address or network'], // K13
    ['http: { trusted_proxies: ["::ffff:10.0.0.0/104"] }', 'http.trusted_proxies[0]: must be an address or network'], // J5
    ['http: { trusted_proxies: ["::ffff:10.0.0.0/8"] }', 'http.trusted_proxies[0]: must be an address or network'], // J5
    ['http: { login_attempts_threshold: 0 }', 'http.login_attempts_threshold: must be a whole number from 1 to 10000, or -1 for never'],
    ['http: { cors_allowed_origins: ["*"] }', 'http.cors_allowed_origins[0]: must be an origin'],
    ['http: { cors_allowed_origins: ["null"] }', 'http.cors_allowed_origins[0]: must be an origin'],
    ['http: { cors_allowed_origins: ["https://a.example/"] }', 'http.cors_allowed_origins[0]: must be an origin'],
    ['http: { cors_allowed_origins: ["https://a.example:443"] }', 'http.cors_allowed_origins[0]: must be an origin'],
    ['tokens: { authorization_code_lifetime: 11m }', 'tokens.authorization_code_lifetime: must be a duration from 10s to 10m'],
    ['tokens: { access_token_lifetime: never }', 'tokens.access_token_lifetime: must be a duration'],
    ['approvals: { by: everyone }', 'approvals.by: must be one of owner, administrators'],
    ['metrics: { token: short }', 'metrics.token: must have at least 16 characters'],
    ['metrics: { enabled: true }', 'metrics.enabled: needs metrics.token (or token_file), or an address of its own in metrics.listen'], // S19
    ['secret_key: short', 'secret_key: must have at least 32 characters'],
    [`{ database_url: "mysql://a", secret_key: ${KEY} }`, 'database_url: must be a URL such as postgres://'],
    [
      'database_url: postgres://a',
      'secret_key: must be given with database_url (secret_key or secret_key_file); make one with: openssl rand -base64 48',
    ],
    ['[1]', 'must be a block of settings'],
    ['just a text', 'must be a block of settings'],
    ['__proto__: { listen: 1 }', '__proto__: unknown setting'],
  ] as const) {
    test(`${yaml} is refused`, async () => {
      const [first, ...others] = await complaints(yaml);
      expect(first).toMatch(/^config\.yaml:1:\d+ /);
      expect(first!.replace(/^\S+ /, '')).toContain(complaint);
      expect(others).toEqual([]);
    });
  }

  test('a public URL reads as an origin', async () => {
    for (const [given, origin] of [
      ['https://Auth.Example.com/', 'https://auth.example.com'],
      ['https://auth.example.com:443', 'https://auth.example.com'],
      ['http://192.168.0.2:8420', 'http://192.168.0.2:8420'],
    ]) {
      expect((await load(`public_url: ${given}`)).public_url).toBe(origin);
    }
  });

  test('origins of browsers and app shells are accepted as they send them', async () => {
    const origins = ['https://a.example', 'http://localhost:5173', 'capacitor://localhost'];
    expect((await load(`http: { cors_allowed_origins: ${JSON.stringify(origins)} }`)).http.cors_allowed_origins).toEqual(origins);
  });
});

describe('secrets', () => {
  test('a secret is read from the file named beside it, without the trailing newline', async () => {
    const folder = newFolder();
    write(folder, 'key', `${KEY}\n`);
    write(folder, 'old', `${KEY}1\n${KEY}2\n`);
    const config = await load('secret_key_file: key\nprevious_secret_keys_file: ./old', {}, folder);
    expect(config.secret_key).toBe(KEY);
    expect(config.previous_secret_keys).toEqual([`${KEY}1`, `${KEY}2`]);
    expect(config).not.toHaveProperty('secret_key_file');
  });

  // R12
  test('a byte order mark and line ends around a secret are dropped', async () => {
    const folder = newFolder();
    for (const [name, text] of Object.entries({
      two: `${KEY}\n\n`,
      crlf: `${KEY}\r\n\r\n`,
      bom: `\ufeff${KEY}\n`,
      both: `\ufeff${KEY}\r\n\n\n`,
    })) {
      write(folder, name, text);
      expect((await load(`secret_key_file: ${name}`, {}, folder)).secret_key, name).toBe(KEY);
    }
    write(folder, 'list', `\ufeff${KEY}\n${'o'.repeat(32)}\n\n`);
    expect((await load('previous_secret_keys_file: list', {}, folder)).previous_secret_keys).toEqual([KEY, 'o'.repeat(32)]);
    write(folder, 'nothing', '\ufeff\n\n');
    expect(await complaints('secret_key_file: nothing', {}, folder)).toEqual([expect.stringContaining('nothing: it is empty')]);
  });

  // R12
  test('a secret sealed by an earlier version with the whole file’s text still opens', async () => {
    const folder = newFolder();
    write(folder, 'key', `\ufeff${KEY}\n\n`);
    expect((await load('secret_key_file: key', {}, folder)).previous_secret_keys).toEqual([`\ufeff${KEY}\n`]);
    write(folder, 'key', `${KEY}\n`);
    expect((await load('secret_key_file: key', {}, folder)).previous_secret_keys).toEqual([]);
  });

  test('a secret file must exist, be closed to others, and contain a sufficient secret', async () => {
    const folder = newFolder();
    write(folder, 'open', KEY, 0o644); // K13
    write(folder, 'short', 'short\n');
    write(folder, 'empty', '\n');
    symlinkSync('open', join(folder, 'link'));
    for (const [file, complaint] of [
      ['nowhere', 'secret_key_file: nowhere: there is no such file'],
      ['.', 'it is not a file'],
      ['open', 'secret_key_file: open: every account of this machine can read it; run: chmod 600 open'],
      ['link', 'every account of this machine can read it'],
      ['short', 'secret_key_file: must have at least 32 characters'],
      ['empty', 'it is empty'],
      ['5', 'must be the path of a file'],
    ] as const) {
      const found = await complaints(`database_url: postgres://a\nsecret_key_file: ${file}`, {}, folder);
      expect(found, file).toHaveLength(1);
      expect(found[0]).toMatch(/^config\.yaml:2:1 secret_key_file: /);
      expect(found[0]).toContain(complaint);
    }
  });

  test('a path that only starts like a mounted secret is not treated as one', async () => {
    const file = write(newFolder(), 'key', KEY, 0o644);
    const [first] = await complaints(`secret_key_file: /run/secrets/../..${file}`);
    expect(first).toContain('every account of this machine can read it');
  });

  test('a secret is given once: in place or as a file', async () => {
    const folder = newFolder();
    write(folder, 'key', KEY);
    expect(await complaints(`secret_key: ${KEY}\nsecret_key_file: key`, {}, folder)).toEqual([
      'config.yaml:2:1 secret_key_file: give either secret_key or secret_key_file, not both',
    ]);
  });

  test('an issue never repeats a secret', async () => {
    for (const yaml of [
      'secret_key: hunter2',
      'secret_key: *hunter2',
      'secret_key: !hunter2 x',
      'secret_key: "hunter2',
      'secret_key: @hunter2',
    ]) {
      const found = await complaints(yaml);
      expect(found, yaml).not.toEqual([]);
      expect(found.join(), yaml).not.toContain('hunter2');
    }
  });
});

test('relative paths count from the folder of the config file', async () => {
  const folder = newFolder();
  write(join(folder, '..'), 'latchkey-ca.pem', '-----BEGIN CERTIFICATE-----\n');
  const config = await load('data_dir: state\ndatabase: { tls: { mode: verify-full, ca_file: ../latchkey-ca.pem } }', {}, folder);
  expect(config.data_dir).toBe(join(folder, 'state'));
  expect(config.database.tls.ca_file).toBe(join(folder, '../latchkey-ca.pem'));
  expect((await load('', {}, folder)).data_dir).toBe(join(folder, 'data'));
});

test('groups have ids of their own', async () => {
  const policy = 'policy: {}';
  expect(
    await complaints(
      `groups:\n  - { id: system-users, name: A, ${policy} }\n  - { id: a, name: A, ${policy} }\n  - { id: a, name: B, ${policy} }\n  - { id: B, name: B }`,
    ),
  ).toEqual([
    'config.yaml:2:7 groups[0].id: is the id of a group that every server has',
    'config.yaml:4:7 groups[2].id: another group has this id',
    'config.yaml:5:5 groups[3].policy: is required',
    'config.yaml:5:7 groups[3].id: must be 1 to 64 of a-z, 0-9, _ and -',
  ]);
});
