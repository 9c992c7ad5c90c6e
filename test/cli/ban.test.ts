import { beforeAll, expect, test } from 'vitest';
import { createIpBanRepository } from '../../src/repository/ip_bans.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const [NOW, LATER] = [new Date('2020-01-01T00:00:00Z'), new Date('2199-01-01T00:00:00Z')];

const cli = perFile(() => createCli());
beforeAll(async () => {
  for (const address of ['203.0.113.9', '2001:db8::/64']) {
    await createIpBanRepository(cli.database).ban({ address, now: NOW, expires_at: LATER });
  }
});

test('every current ban is listed', async () => {
  expect((await cli.list('ban', 'list')).map(({ address }) => address)).toEqual(['2001:db8::/64', '203.0.113.9']);
  expect((await cli.run(['ban', 'list'])).out).toContain('203.0.113.9    2020-01-01T00:00:00Z  2199-01-01T00:00:00Z');
});

test('a ban is lifted by its address, an IPv6 one by any address of its network or by the network', async () => {
  expect(await cli.run(['ban', 'lift', '203.0.113.9'])).toMatchObject({ code: 0, out: 'Lifted the ban of 203.0.113.9\n' });
  expect(await cli.run(['ban', 'lift', '203.0.113.9'])).toMatchObject({ code: 1, err: '203.0.113.9 is not banned\n' });
  expect(await cli.run(['ban', 'lift', '2001:db8::/64'])).toMatchObject({ code: 0 });
  expect(await cli.list('ban', 'list')).toEqual([]);
});

test('a text that is no address is a usage error', async () => {
  for (const word of ['everyone', '10.0.0.1/99', '']) expect((await cli.run(['ban', 'lift', word])).code).toBe(2);
});
