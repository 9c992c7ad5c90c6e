import { beforeAll, beforeEach, expect, test } from 'vitest';
import { addPerson } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli } from './support.ts';

const cli = perFile(() => createCli());
const URL_CLIENT = 'https://app.example.com/client';
const REGISTERED = '1'.repeat(32);
let person: string;

beforeAll(async () => {
  expect((await cli.run(['migrate'])).code).toBe(0);
});
beforeEach(async () => {
  const { kysely } = cli.database;
  for (const table of ['users', 'clients', 'url_clients'] as const) await kysely.deleteFrom(table).execute();
  person = (await addPerson(cli.database, { name: 'Paula', is_active: false, is_pending: true })).id;
  const said = { client_name: 'A page', redirect_uris: ['https://app.example.com/cb'] };
  const asked = { status: 'pending' as const, metadata_hash: Buffer.alloc(32), created_at: new Date(0) };
  await kysely
    .insertInto('url_clients')
    .values({ client_id: URL_CLIENT, ...asked, metadata: JSON.stringify(said) })
    .execute();
  await kysely
    .insertInto('clients')
    .values({
      client_id: REGISTERED,
      client_name: 'An assistant',
      redirect_uris: ['http://localhost/cb'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      scope: ['openid'],
      managed_by: 'registration',
      approval: 'pending',
      ...{ approval_since: new Date(0), created_at: new Date(0) },
    })
    .execute();
});

const waiting = async () => (await cli.list('approval', 'list')).map(({ id }) => id);
const approvalOf = async (client_id: string) =>
  (await cli.database.kysely.selectFrom('clients').select('approval').where('client_id', '=', client_id).executeTakeFirst())?.approval;

test('the list shows people and apps, with what tells them apart', async () => {
  const { out } = await cli.run(['approval', 'list']);
  expect(out).toMatch(new RegExp(`person +${person} +Paula`));
  expect(out).toMatch(/app +https:\/\/app.example.com\/client +A page +https:\/\/app.example.com\/cb/);
  expect(out).toMatch(new RegExp(`app +${REGISTERED} +An assistant +http://localhost/cb`));
  expect(await waiting()).toEqual([person, URL_CLIENT, REGISTERED]);
  expect((await cli.run(['client', 'pending'])).out).toContain(REGISTERED);
});

test('a person and apps of both kinds are let in', async () => {
  for (const id of [person, URL_CLIENT, REGISTERED])
    expect(await cli.run(['approval', 'approve', id])).toMatchObject({ code: 0, out: `Approved ${id}\n` });
  expect([await waiting(), await approvalOf(REGISTERED)]).toEqual([[], 'approved']);
  expect((await cli.list('user', 'list')).find(({ id }) => id === person)).toMatchObject({ is_active: true, is_pending: false });
  expect((await cli.run(['client', 'show', REGISTERED])).out).toMatch(/^approval: +approved$/m);
});

test('a person is deleted and apps are blocked, after a question', async () => {
  for (const id of [person, URL_CLIENT, REGISTERED]) {
    expect((await cli.run(['approval', 'refuse', id])).code).toBe(2);
    expect(await waiting()).toContain(id);
    expect(await cli.run(['approval', 'refuse', id, '--yes'])).toMatchObject({ code: 0, out: `Refused ${id}\n` });
  }
  expect([await waiting(), await approvalOf(REGISTERED), await cli.list('user', 'list')]).toEqual([[], 'refused', []]);
  // A decision can be changed.
  await cli.run(['approval', 'approve', REGISTERED]);
  expect(await approvalOf(REGISTERED)).toBe('approved');
});

test('a name that nobody has is refused', async () => {
  for (const id of ['nobody', '0'.repeat(32), 'https://other.example.com/'])
    expect(await cli.run(['approval', 'approve', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`No person or app with the ID ${id} is waiting`),
    });
});
