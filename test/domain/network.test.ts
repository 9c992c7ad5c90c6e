import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addressText,
  failureKey,
  isLocalAddress,
  isLoopback,
  isSpecialUse,
  networkList,
  networkText,
  parseAddress,
  parseNetwork,
  peerAddress,
  unmapIpv4,
} from '../../src/domain/network.ts';
import { vectors } from '../support/clients/vectors.ts';

const contains = (network: string, address: string) => networkList([parseNetwork(network)!])(parseAddress(address)!);

for (const { id, request, expect: want } of vectors('is-local')) {
  test(`${id}: ${request.address} is ${want.local ? '' : 'not '}local`, () => {
    expect(isLocalAddress(request.address)).toBe(want.local);
  });
}

test('local is loopback, private and link-local, and nothing else', () => {
  const local = ['127.255.0.1', '::ffff:127.0.0.1', '172.31.255.255', '::ffff:10.1.2.3', 'fc00::1', 'fdff::1', 'fe80::1', 'febf::1'];
  const other = [
    '172.32.0.0',
    'fbff::1',
    'fec0::1',
    '::',
    '2001:db8::1',
    '255.255.255.255',
    '::ffff:169.254.1.1',
    '',
    'localhost',
    'fe80::1%eth0',
  ];
  expect(local.filter((address) => !isLocalAddress(address))).toEqual([]);
  expect(other.filter(isLocalAddress)).toEqual([]);
});

test('an address has one canonical text', () => {
  const table: [string, string][] = [
    ['192.168.0.1', '192.168.0.1'],
    ['FD00:0:0::00A1', 'fd00::a1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::FFFF:C0A8:1', '::ffff:192.168.0.1'],
    ['64:ff9b::127.0.0.1', '64:ff9b::7f00:1'],
  ];
  for (const [text, want] of table) expect(addressText(parseAddress(text)!)).toBe(want);
});

test('text that is not plainly an address is refused', () => {
  const refused = [
    '',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '010.0.0.1',
    '1.2.3.4/8',
    '[::1]',
    '::1%lo',
    'localhost',
    ':::',
    '1.2.3.4\n',
  ];
  expect(refused.filter((text) => parseAddress(text) !== null)).toEqual([]);
});

test('a network needs zero host bits and a sane prefix', () => {
  expect(
    ['192.168.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fd00::/8', '::/0', '192.168.128.0/31'].map((text) =>
      networkText(parseNetwork(text)!),
    ),
  ).toEqual(['192.168.0.1/32', '10.0.0.0/8', '0.0.0.0/0', '::1/128', 'fd00::/8', '::/0', '192.168.128.0/31']);
  const refused = [
    '10.0.0.1/8',
    '10.0.0.0/33',
    '::/129',
    'fd00::1/8',
    '10.0.0.0/',
    '/8',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/ 8',
    '10.0.0.0/255.0.0.0',
    'lan',
  ];
  expect(refused.filter((text) => parseNetwork(text) !== null)).toEqual([]);
});

test('a network contains the addresses that share its prefix, of its own family only', () => {
  expect(contains('192.168.128.0/24', '192.168.128.10')).toBe(true);
  expect(contains('192.168.128.0/31', '192.168.128.2')).toBe(false);
  expect(contains('fd00::/8', 'fd00::2')).toBe(true);
  expect(contains('0.0.0.0/0', '8.8.8.8')).toBe(true);
  expect(contains('::/0', '8.8.8.8')).toBe(false);
  expect(contains('192.168.0.1', '::ffff:192.168.0.1')).toBe(false);
});

// J5
test('a mapped peer equals its IPv4 form, and a mapped network is refused', () => {
  expect(networkList([parseNetwork('10.0.0.0/8')!])(unmapIpv4(parseAddress('::ffff:10.0.0.5')!))).toBe(true);
  expect(addressText(peerAddress('::ffff:10.0.0.5')!)).toBe('10.0.0.5');
  expect(['::ffff:10.0.0.0/8', '::ffff:10.0.0.0/104', '::ffff:0:0/96', '::ffff:10.0.0.5'].filter((text) => parseNetwork(text))).toEqual([]);
});

test('the zone of a link-local peer is dropped', () => {
  expect(addressText(peerAddress('fe80::1%eth0')!)).toBe('fe80::1');
  expect(peerAddress('%eth0')).toBeNull();
});

test('loopback is 127/8, ::1 and the mapped 127/8', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
  expect(['10.0.0.1', '::', '::2', '0.0.0.0', 'localhost', ''].some(isLoopback)).toBe(false);
});

// L2
test('an outbound fetch reaches ordinary public addresses only', () => {
  const special = [
    ...[
      '127.0.0.1',
      '::1',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '169.254.169.254',
      '100.64.0.1',
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '198.18.0.1',
      '192.0.2.1',
      'fd00::1',
      'fc00::1',
      'fe80::1',
      'fec0::1',
      'ff02::1',
      '::',
      '::127.0.0.1',
      '::ffff:127.0.0.1',
      '::ffff:a00:1',
    ],
    ...['64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '5f00::1'],
    ...['2130706433', '0x7f.1', 'localhost.', '', 'fe80::1%eth0'],
  ];
  const ordinary = [
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ];
  expect(special.filter((address) => !isSpecialUse(address))).toEqual([]);
  expect(ordinary.filter(isSpecialUse)).toEqual([]);
});

test('failures are counted per IPv4 address and per IPv6 /64', () => {
  expect(failureKey('203.0.113.7')).toBe('203.0.113.7');
  expect(failureKey('::ffff:203.0.113.7')).toBe('203.0.113.7');
  expect(failureKey('2001:db8:1:2:aaaa::1')).toBe('2001:db8:1:2::/64');
  expect(failureKey('2001:db8:1:2:bbbb::9')).toBe('2001:db8:1:2::/64');
  expect(failureKey('nonsense')).toBe('nonsense');
});

test('every IPv6 address survives its text, and no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text);
      if (address) expect(parseAddress(addressText(address))).toEqual(address);
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:./%]{0,40}$/)),
      (text) => void [parseNetwork(text), isSpecialUse(text), failureKey(text)],
    ),
  );
});
