// latchkey apps: the list of recipes, and one of them for an address. Neither needs a database.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cli, createCli } from './support.ts';

const COUNT = readdirSync(join(import.meta.dirname, '..', '..', 'recipes')).length;
const env = { LATCHKEY_DATABASE_URL: 'postgres://latchkey@127.0.0.1:1/latchkey', LATCHKEY_PUBLIC_URL: 'https://auth.example.com' };

let cli: Cli;
beforeAll(async () => {
  cli = await createCli();
});
afterAll(() => cli.close());

test('every recipe is listed', async () => {
  const { code, out } = await cli.run(['apps'], { env });
  expect([code, out.trim().split('\n').length]).toEqual([0, COUNT + 1]);
  expect(out).toMatch(/^grafana +Grafana +monitoring /m);
  const listed = JSON.parse((await cli.run(['apps', '--json'], { env })).out);
  expect(listed).toHaveLength(COUNT);
  expect(listed).toContainEqual(expect.objectContaining({ id: 'nginx', needs_client: false }));
});

test('one is shown with an example, or for an address', async () => {
  const example = await cli.run(['apps', 'grafana'], { env });
  expect([example.code, example.err]).toEqual([0, '']);
  expect(example.out).toContain('latchkey client add --app grafana --url https://grafana.example.com\n');
  expect(example.out).toContain('client_secret = lk_cs_…\n');
  const { out } = await cli.run(['apps', 'caddy', '--url', 'https://photos.example.net'], { env });
  expect(out).toContain('photos.example.net {\n  handle /.latchkey/*');
  expect(out).toContain('- { host: photos.example.net }');
  const shown = JSON.parse((await cli.run(['apps', 'grafana', '--url', 'https://g.example.net/', '--json'], { env })).out);
  expect(shown.client.redirect_uris).toEqual(['https://g.example.net/login/generic_oauth']);
});

test.each<[string, string[], RegExp]>([
  ['unknown', ['apps', 'nothing'], /^There is no recipe for this app: "latchkey apps" lists them\n$/],
  ['for no address', ['apps', 'grafana', '--url', 'grafana'], /^url must be the address of the app, such as [^\n]+\n$/],
])('one that is %s is refused in one line', async (_story, words, complaint) => {
  expect(await cli.run(words, { env })).toMatchObject({ code: 1, out: '', err: expect.stringMatching(complaint) });
});
