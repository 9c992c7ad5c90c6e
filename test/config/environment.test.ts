import { describe, expect, test } from 'vitest';
import { complaints, load, newFolder, write } from './support.ts';

const KEY = 'k'.repeat(32);

describe('a variable of the environment', () => {
  test('sets any value by its path in capitals, over the file', async () => {
    const config = await load('listen: { host: 127.0.0.1, port: 1 }', {
      LATCHKEY_LISTEN_PORT: '9000',
      LATCHKEY_PUBLIC_URL: 'https://a.example',
      LATCHKEY_HTTP_IP_BAN_ENABLED: 'false',
      LATCHKEY_HTTP_LOGIN_ATTEMPTS_THRESHOLD: '-1',
      LATCHKEY_HTTP_TRUSTED_PROXIES: '["10.0.0.0/8"]',
      LATCHKEY_TOKENS_REFRESH_TOKEN_IDLE_LIFETIME: '90d',
      LATCHKEY_DATABASE_TLS_MODE: 'require',
    });
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 9000 });
    expect(config.public_url).toBe('https://a.example');
    expect(config.http).toMatchObject({ ip_ban_enabled: false, login_attempts_threshold: -1, trusted_proxies: ['10.0.0.0/8'] });
    expect(config.tokens.refresh_token_idle_lifetime).toBe(90 * 86_400);
    expect(config.database.tls.mode).toBe('require');
  });

  test('needs no file', async () => {
    expect((await load(undefined, { LATCHKEY_LISTEN_PORT: '9000' })).listen.port).toBe(9000);
  });

  test('may leave the port open only where the address of the server does not hang on it', async () => {
    const LATCHKEY_PUBLIC_URL = 'https://a.example';
    expect((await load(undefined, { LATCHKEY_LISTEN_PORT: '0', LATCHKEY_PUBLIC_URL })).listen.port).toBe(0);
    expect(await complaints('', { LATCHKEY_LISTEN_PORT: '0' })).toEqual([
      'LATCHKEY_LISTEN_PORT: must not be 0 without public_url, which names the port that apps find',
    ]);
    expect(await complaints('listen: { port: 0 }')).toEqual([
      'config.yaml:1:11 listen.port: must not be 0 without public_url, which names the port that apps find',
    ]);
  });

  test('keeps text that looks like a number', async () => {
    const digits = '1'.repeat(40);
    expect((await load(undefined, { LATCHKEY_SECRET_KEY: digits })).secret_key).toBe(digits);
  });

  test('counts as not given when it is empty', async () => {
    expect((await load(undefined, { LATCHKEY_DATABASE_URL: '', LATCHKEY_NONSENSE: '' })).database_url).toBeUndefined();
  });

  test('is named by the complaint about its value', async () => {
    expect(
      await complaints('public_url: http://a/b', {
        LATCHKEY_LISTEN_PORT: 'http',
        LATCHKEY_LOG_REQUESTS: 'no',
        LATCHKEY_HTTP_TRUSTED_PROXIES: '["10.0.0.0/8", "10.0.0.1/8"]',
        LATCHKEY_HTTP_CORS_ALLOWED_ORIGINS: 'https://a.example',
        LATCHKEY_AUTH_PROVIDERS: '[]',
      }),
    ).toEqual([
      expect.stringMatching(/^config\.yaml:1:1 public_url: /),
      'LATCHKEY_HTTP_CORS_ALLOWED_ORIGINS: must be a list in JSON, such as ["one", "two"]',
      'LATCHKEY_AUTH_PROVIDERS: can be set in the config file only',
      'LATCHKEY_LISTEN_PORT: must be a whole number from 0 to 65535',
      'LATCHKEY_LOG_REQUESTS: must be true or false',
      expect.stringMatching(/^LATCHKEY_HTTP_TRUSTED_PROXIES\[1\]: must be an address or network/),
    ]);
  });

  test('must be one that there is', async () => {
    expect(await complaints(undefined, { LATCHKEY_DATABSE_URL: 'x', LATCHKEY_DATA_DIR_FILE: 'x' })).toEqual([
      'LATCHKEY_DATABSE_URL: unknown setting; did you mean "LATCHKEY_DATABASE_URL"?',
      expect.stringMatching(/^LATCHKEY_DATA_DIR_FILE: unknown setting/),
    ]);
  });

  // R11
  test('of the service links of Kubernetes are ignored for every neighbour, and a typo is still told', async () => {
    const env = {
      LATCHKEY_DB_SERVICE_HOST: '10.96.0.2',
      LATCHKEY_DB_SERVICE_PORT: '5432',
      LATCHKEY_DB_SERVICE_PORT_POSTGRES: '5432',
      LATCHKEY_DB_PORT: 'tcp://10.96.0.2:5432',
      LATCHKEY_DB_PORT_5432_TCP: 'tcp://10.96.0.2:5432',
      LATCHKEY_DB_PORT_5432_TCP_PROTO: 'tcp',
      LATCHKEY_DB_RO_PORT_5432_TCP_ADDR: '10.96.0.2',
      // The service latchkey-listen: the name of a setting.
      LATCHKEY_LISTEN_PORT: 'tcp://10.96.0.3:80',
    };
    expect((await load(undefined, env)).listen.port).toBe(8420);
    for (const [name, value] of [
      ['LATCHKEY_LISTN_PORT', '8420'],
      ['LATCHKEY_PORT', '8420'],
      ['LATCHKEY_DB_HOST', '10.96.0.2'],
    ] as const)
      expect(await complaints(undefined, { [name]: value })).toEqual([expect.stringMatching(`^${name}: unknown setting`)]);
  });

  test('may belong to the tests, to the command line, or to Kubernetes', async () => {
    const env = {
      LATCHKEY_CONFIG: 'config.yaml',
      LATCHKEY_TEST_DATABASE_URL: 'postgres://a',
      LATCHKEY_PORT: 'tcp://10.96.0.1:8420',
      LATCHKEY_PORT_8420_TCP_ADDR: '10.96.0.1',
      LATCHKEY_SERVICE_HOST: '10.96.0.1',
      LATCHKEY_SERVICE_PORT_HTTP: '8420',
    };
    expect(await complaints(undefined, env)).toEqual([]);
  });

  test('names the file of a secret, and replaces the secret of the config file in either spelling', async () => {
    const folder = newFolder();
    const file = write(folder, 'key', KEY);
    expect((await load(`secret_key: ${'o'.repeat(32)}`, { LATCHKEY_SECRET_KEY_FILE: file })).secret_key).toBe(KEY);
    expect((await load('secret_key_file: /nowhere', { LATCHKEY_SECRET_KEY: KEY })).secret_key).toBe(KEY);
    expect(await complaints(undefined, { LATCHKEY_SECRET_KEY: KEY, LATCHKEY_SECRET_KEY_FILE: file })).toEqual([
      'LATCHKEY_SECRET_KEY_FILE: give either secret_key or secret_key_file, not both',
    ]);
    expect(await complaints(undefined, { LATCHKEY_DATABASE_URL: 'postgres://a', LATCHKEY_SECRET_KEY_FILE: '/nowhere' })).toEqual([
      'LATCHKEY_SECRET_KEY_FILE: /nowhere: there is no such file',
    ]);
  });

  test('does not repair a file whose block is no block', async () => {
    expect(await complaints('listen: 5', { LATCHKEY_LISTEN_PORT: '1' })).toEqual(['config.yaml:1:1 listen: must be a block of settings']);
  });
});
