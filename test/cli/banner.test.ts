import { expect, test } from 'vitest';
import { banner } from '../../src/cli/banner.ts';

const LISTEN = { host: '0.0.0.0', port: 0 };

for (const [story, public_url, host, url, warns] of [
  ['without public_url this machine', undefined, '0.0.0.0', 'http://localhost:8420', false],
  ['a listening address', undefined, '192.168.1.5', 'http://192.168.1.5:8420', true],
  ['every IPv6 address', undefined, '::', 'http://localhost:8420', false],
  ['IPv6 loopback', undefined, '::1', 'http://[::1]:8420', false],
  ['public_url', 'https://auth.example.com', '0.0.0.0', 'https://auth.example.com', false],
  ['a public_url of plain http', 'http://auth.home.arpa', '0.0.0.0', 'http://auth.home.arpa', true],
  ['a public_url of this machine', 'http://localhost:9000', '0.0.0.0', 'http://localhost:9000', false],
] as const) {
  test(`${story} is what the banner shows${warns ? ', with a warning' : ''}`, () => {
    const config = { public_url, listen: { ...LISTEN, host }, data_dir: '/srv/data', database_url: undefined };
    const text = banner({ config, port: 8420, setup_token: 'lk_st_abc' }).join('\n');
    expect(text).toContain(`running at ${url}\n`);
    expect(text).toContain(`${url}/onboarding?token=lk_st_abc\n`);
    expect(text).toContain('Data: /srv/data');
    expect(text.includes('Warning')).toBe(warns);
  });
}

test("once there is an owner no link is shown, and a database of one's own is not called a folder", () => {
  const config = { public_url: undefined, listen: LISTEN, data_dir: '/srv/data', database_url: 'postgres://u:secret@db/x' };
  const text = banner({ config, port: 8420, setup_token: null }).join('\n');
  expect(text).not.toMatch(/onboarding|secret|srv/);
});
