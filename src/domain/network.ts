// IP addresses and networks as numbers: which are local, which an outbound fetch must not reach,
// and how failures are grouped. Host names, zone ids, shortened and octal forms are never
// addresses; null means refuse.
import { BlockList, isIP } from 'node:net';
import { memoize } from './memoize.ts';

/**
 * An IP address; `value` has 32 or 128 bits. An IPv4-mapped IPv6 address is IPv6 until `unmapIpv4`.
 */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** All addresses that share the first `prefix` bits with `address`, whose other bits are zero. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefix: number;
}

const MAPPED = 0xffffn;
const FAMILY = { 4: 'ipv4', 6: 'ipv6' } as const;

/** Parses an IPv4 or IPv6 address; null if it is not one. Zone ids (`fe80::1%eth0`) are refused. */
export function parseAddress(text: string): IpAddress | null {
  if (text.includes('%')) return null;
  const family = isIP(text);
  if (family === 4) return { family, value: ipv4Value(text) };
  if (family === 6) return { family, value: ipv6Value(text) };
  return null;
}

/**
 * The address of a socket's peer: without the zone of link-local peers, and IPv4 where it is
 * IPv4-mapped.
 */
export function peerAddress(text: string): IpAddress | null {
  const address = parseAddress(text.replace(/%.*$/s, ''));
  return address && unmapIpv4(address);
}

/**
 * The canonical text (RFC 5952): lower case, the longest run of zeros shortened, IPv4-mapped with a
 * dotted tail.
 */
export function addressText({ family, value }: IpAddress): string {
  if (family === 4) return ipv4Text(value);
  if (value >> 32n === MAPPED) return `::ffff:${ipv4Text(value & 0xffffffffn)}`;
  const groups = [...value.toString(16).padStart(32, '0').matchAll(/.{4}/g)].map(([group]) => Number.parseInt(group, 16).toString(16));
  const zeros = longestZeros(groups);
  if (zeros.length < 2) return groups.join(':');
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`;
}

/**
 * Parses `address/prefix` or a single address. Host bits must be zero; IPv4-mapped networks are
 * refused.
 */
export function parseNetwork(text: string): IpNetwork | null {
  const [, addressPart = '', prefixPart] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(addressPart);
  if (!address) return null;
  const bits = bitsOf(address);
  const prefix = prefixPart === undefined ? bits : Number(prefixPart);
  if (prefix > bits || isMapped(address)) return null;
  const hostBits = BigInt(bits - prefix);
  return (address.value >> hostBits) << hostBits === address.value ? { address, prefix } : null;
}

/** The canonical text of a network, always with its prefix. */
export function networkText(network: IpNetwork): string {
  return `${addressText(network.address)}/${network.prefix}`;
}

/** Whether an address is in one of the networks of a list. */
export type NetworkList = (address: IpAddress) => boolean;

/**
 * One list per family, since BlockList would find IPv4-mapped addresses in IPv4 networks; as in
 * Home Assistant, `::ffff:192.168.0.1` is not in `192.168.0.0/16`.
 */
export function networkList(networks: readonly IpNetwork[]): NetworkList {
  if (networks.length === 0) return () => false;
  const lists = { 4: new BlockList(), 6: new BlockList() };
  for (const { address, prefix } of networks) lists[address.family].addSubnet(addressText(address), prefix, FAMILY[address.family]);
  const checks = { 4: memoize((text) => lists[4].check(text, 'ipv4')), 6: memoize((text) => lists[6].check(text, 'ipv6')) };
  return (address) => checks[address.family](addressText(address));
}

/** The IPv4 form of an IPv4-mapped IPv6 address; other addresses unchanged. */
export function unmapIpv4(address: IpAddress): IpAddress {
  return isMapped(address) ? { family: 4, value: address.value & 0xffffffffn } : address;
}

const LOOPBACK = networksOf(['127.0.0.0/8', '::1']);
const PRIVATE = networksOf(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']);
const LINK_LOCAL = networksOf(['169.254.0.0/16', 'fe80::/10']);

/** Whether the address is loopback: 127/8, ::1 or ::ffff:127/104. */
export function isLoopback(address: string): boolean {
  const parsed = parseAddress(address);
  return parsed !== null && LOOPBACK(unmapIpv4(parsed));
}

/**
 * Home Assistant's "local": loopback, private (also IPv4-mapped) or link-local. 100.64/10 is not.
 */
export const isLocalAddress = memoize((address): boolean => {
  const parsed = parseAddress(address);
  if (!parsed) return false;
  const plain = unmapIpv4(parsed);
  return LOOPBACK(plain) || PRIVATE(plain) || LINK_LOCAL(parsed);
});

// IANA's special-purpose registry (RFC 6890) and multicast. In IPv6 only global unicast is public,
// with these exceptions.
const SPECIAL_IPV4 = networksOf([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]);
const GLOBAL_UNICAST = networksOf(['2000::/3']);
const SPECIAL_IPV6 = networksOf(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);
const NAT64 = networksOf(['64:ff9b::/96']);

/**
 * Whether an outbound fetch must not reach the address: anything but public unicast, including
 * IPv4-mapped and NAT64 forms.
 */
export function isSpecialUse(address: string): boolean {
  const parsed = parseAddress(address);
  if (!parsed) return true;
  const target = NAT64(parsed) ? { family: 4 as const, value: parsed.value & 0xffffffffn } : unmapIpv4(parsed);
  if (target.family === 4) return SPECIAL_IPV4(target);
  return !GLOBAL_UNICAST(target) || SPECIAL_IPV6(target);
}

/**
 * The key that failures of an address are counted under: the IPv4 address, or the IPv6 /64 network.
 */
export const failureKey = memoize((address): string => {
  const parsed = peerAddress(address);
  if (!parsed) return address;
  if (parsed.family === 4) return addressText(parsed);
  return networkText({ address: { family: 6, value: (parsed.value >> 64n) << 64n }, prefix: 64 });
});

/**
 * Prefixes the address of a request whose Host is not this server's name; its failures are counted
 * apart.
 */
const FOREIGN_HOST_PREFIX = 'foreign-host ';

/** The address under which failures of requests with a foreign Host are counted and refused. */
export function foreignHostAddress(address: string): string {
  return `${FOREIGN_HOST_PREFIX}${address}`;
}

/** The plain address, and whether it was marked by `foreignHostAddress`. */
export function readFailureAddress(marked: string): { address: string; is_foreign_host: boolean } {
  const is_foreign_host = marked.startsWith(FOREIGN_HOST_PREFIX);
  return { address: is_foreign_host ? marked.slice(FOREIGN_HOST_PREFIX.length) : marked, is_foreign_host };
}

/**
 * Tests for addresses that many people may share, such as loopback and trusted proxies; they are
 * exempt from limits per address. Entries that are not networks are ignored.
 */
export function exemptAddresses(trusted_proxies: readonly string[]): (address: string) => boolean {
  const isProxy = networkList(trusted_proxies.flatMap((text) => parseNetwork(text) ?? []));
  return (address) => {
    const parsed = parseAddress(address);
    return parsed !== null && (isLoopback(address) || isProxy(parsed));
  };
}

/** The networks as one list; throws for an invalid one. */
export function networksOf(texts: readonly string[]): NetworkList {
  return networkList(
    texts.map((text) => {
      const network = parseNetwork(text);
      if (!network) throw new Error(`not a network: ${text}`);
      return network;
    }),
  );
}

function isMapped(address: IpAddress): boolean {
  return address.family === 6 && address.value >> 32n === MAPPED;
}

function bitsOf(address: IpAddress): number {
  return address.family === 4 ? 32 : 128;
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.replace(/[\d.]+$/, dottedAsGroups).split('::');
  const before = head.split(':').filter(Boolean);
  const after = (tail ?? '').split(':').filter(Boolean);
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function dottedAsGroups(tail: string): string {
  if (!tail.includes('.')) return tail;
  const value = ipv4Value(tail);
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== '0') start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  });
  return longest;
}
