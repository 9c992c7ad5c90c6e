import fc from 'fast-check';
import { expect, test } from 'vitest';
import { displayHost, isAcceptedClientId, parseClientId } from '../../src/domain/client_id.ts';
import { holds } from '../support/checks/holds.ts';
import { vectors } from '../support/clients/vectors.ts';

const isAccepted = (client_id: string) => isAcceptedClientId(client_id, 'https://auth.example.com');

for (const { id, request, expect: want } of vectors('client-id')) {
  if (request.check === 'client_id') {
    test(`${id}: ${JSON.stringify(request.client_id)} is ${want.valid ? '' : 'not '}a client id`, () => {
      expect(isAccepted(request.client_id)).toBe(want.valid);
    });
  } else {
    test(`${id}: ${request.url} has canonical parts`, () => {
      const { basis, ...parts } = want;
      expect(parseClientId(request.url)).toMatchObject(parts);
    });
  }
}

const accepted = [
  'http://ex.com/.world',
  'http://ex.com/hello.',
  'http://ex.com/.../x',
  'http://ex.com:0/',
  'http://ex.com:65535/',
  'http://ex.com:00080/',
  'http://homeassistant/',
  'http://bücher.example/',
  'http://127.0.0.1/',
  'http://[::1]/',
  'http://[::FFFF:127.0.0.1]/',
  'http://[fc00::1]:8123/',
  'http://169.254.1.1:8123/',
  'http://127.1/',
  'http://2130706433/',
  'http://ex.com/a?b=/../c',
];
for (const client_id of accepted) test(`${client_id} is a client id`, () => expect(isAccepted(client_id)).toBe(true));

const refused = [
  'http://ex.com/..',
  'http://ex.com/./x',
  'http://ex.com/..;/x',
  'http://ex.com/x#y',
  'http://ex.com#y',
  'http://@ex.com/',
  'http://:@ex.com/',
  'http://a@b@ex.com/',
  'http://ex.com:65536/',
  'http://ex.com:abc/',
  'http://ex.com:+80/',
  'http://ex.com:8 0/',
  'http://ex.com:80:80/',
  'http://:80/',
  'http://8.8.8.8',
  'http://8.8.8.8:8123/',
  'http://8.8.8.8:/',
  'http://[2001:db8::1]:8123/',
  'http://[::ffff:8.8.8.8]/',
  'http://100.64.0.1/',
  'http://[::1/',
  'http://::1]/',
  'http://::1/',
  'http://[]/',
  'http://[::1]x/',
  'http://[127.0.0.1]/',
  'http://[fe80::1%eth0]/',
  'http://[v1.x]/',
  'http:\\\\ex.com\\',
  'http:/ex.com/',
  ' http://ex.com/',
  'http://ex.com/ ',
  'http://ex.com/a b',
  'http://ex.com/\t',
  'http://ex.com/\r\n',
  'http://ex.com/\0',
  'http://ex.com/\u0085',
  'http://ex.com/\ud800',
  'http://ex.com\u2100.evil.test/',
  'http://ex.com\uff03.evil.test/',
  'ftp://ex.com/',
  `http://ex.com/${'x'.repeat(2048)}`,
];
for (const client_id of refused)
  test(`${JSON.stringify(client_id.slice(0, 40))} is no client id`, () => expect(isAccepted(client_id)).toBe(false));

test('the canonical parts keep ports, brackets and the case of the path as written', () => {
  expect(parseClientId('HTTPS://EX.com:443/A?b')).toEqual({
    scheme: 'https',
    authority: 'ex.com:443',
    host: 'ex.com',
    path: '/A',
    has_public_address: false,
  });
  const local = { scheme: 'http', authority: '[fd00::1]:80', host: 'fd00::1', path: '/', has_public_address: false };
  expect(parseClientId('http://[FD00::1]:80')).toEqual(local);
});

// W4
test('an IP literal is a client id when it is local, or the host of public_url at any port', () => {
  const cases: [client_id: string, public_url: string, accepted: boolean][] = [
    ['http://8.8.8.8:8123/', 'https://8.8.8.8', true],
    ['http://8.8.8.8/', 'http://8.8.8.8:8420', true],
    ['http://8.8.4.4:8123/', 'https://8.8.8.8', false],
    ['http://[2001:DB8:0::1]:8123/', 'https://[2001:db8::1]', true],
    ['http://[::ffff:8.8.8.8]/', 'https://8.8.8.8', true],
    ['http://[2001:db8::2]/', 'https://[2001:db8::1]', false],
    ['http://8.8.8.8:8123/', 'https://8.8.8.8.example', false],
    ['http://[fc00::1]/', 'https://auth.example.com', true],
  ];
  for (const [client_id, public_url, accepted] of cases)
    expect([client_id, public_url, isAcceptedClientId(client_id, public_url)]).toEqual([client_id, public_url, accepted]);
});

// A26
test('a page shows a look-alike host as punycode', () => {
  expect(displayHost('https://\u0430pple.com/')).toBe('xn--pple-43d.com');
  expect(displayHost('https://Ex.com:8123/path')).toBe('ex.com:8123');
  expect(displayHost('grafana')).toBeNull();
});

test('no text makes the parser throw', () => {
  holds(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.webUrl(),
        fc.string().map((text) => `http://${text}`),
      ),
      (text) => void displayHost(text),
    ),
  );
});
