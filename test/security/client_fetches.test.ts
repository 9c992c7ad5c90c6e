// What pages of other sites make a browser ask for uses up none of the fetches that the person's
// own requests need.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { visitor } from '../support/clients/page_visitor.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { OWNER, startServer, type TestServer } from '../support/fixtures/server.ts';

const ELSEWHERE = 'app://cb';
/** Of every request that our HTTP tests make. */
const ADDRESS = '127.0.0.1';

let server: TestServer;
let site: Stranger;
beforeAll(async () => {
  site = await startStranger((socket) => respond(socket, `<link rel="redirect_uri" href="${ELSEWHERE}">`));
  server = await startServer({ config: { url_clients: { allow_private_addresses: true } } });
  await server.createOwner();
});
afterAll(async () => {
  await server.close();
  await site.close();
});
beforeEach(() => void server.advance(120));

const urlOf = (name: string, more: Record<string, string> = {}) =>
  `/auth/authorize?${new URLSearchParams({ client_id: `${site.url}${name}/`, redirect_uri: ELSEWHERE, ...more })}`;

/** As many apps as a page of another site cares to name. */
async function openMany(name: string, headers: Record<string, string> = {}, more: Record<string, string> = {}): Promise<number[]> {
  const statuses = [];
  for (let n = 0; n < 25; n += 1)
    statuses.push((await server.inject({ url: urlOf(`${name}${n}`, more), headers, remote_address: ADDRESS })).statusCode);
  return statuses;
}

// S9
it.each(['image', 'script', 'style', 'empty', 'object'])('nothing is fetched for a page that is asked for as %s', async (destination) => {
  const before = site.connections();
  const statuses = await openMany(destination, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': destination });
  expect(new Set(statuses)).toEqual(new Set([403]));
  expect(site.connections()).toBe(before);
});

// S9
describe.each<[string, Record<string, string>]>([
  ['over https', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }],
  ['over https, in frames', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' }],
  ['over plain http', {}],
])('many apps opened %s', (how, headers) => {
  const name = how.replaceAll(/\W/g, '');

  it.each<[string, Record<string, string>]>([
    ['Home Assistant’s dialect', {}],
    ['the standard profile', { scope: 'openid', response_type: 'code', code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' }],
  ])('leave the person one click away from their own, in %s', async (_dialect, more) => {
    const tag = `${name}${Object.keys(more).length}`;
    expect((await openMany(tag, headers, more)).filter((status) => status === 429).length).toBeGreaterThan(0);
    const browser = visitor(server);
    const url = urlOf(`${tag}own`, more);
    const asked = await browser.get(url);
    const html = await asked.text();
    expect([asked.status, asked.headers.get('retry-after')]).toEqual([429, '60']);
    expect(html).toContain(`Continue to ${new URL(site.url).host}?`);
    expect((await browser.submit(url, html, { csrf_token: 'forged' })).status).toBe(403);
    const gone_on = await browser.submit(url, html, {});
    if (more.scope !== undefined) return expect(gone_on.headers.get('location')).toMatch(/^\/login\?/);
    const form = await gone_on.text();
    expect([gone_on.status, form]).toEqual([200, expect.stringContaining('name="password"')]);
    const done = await browser.submit(url, form, { username: OWNER.username, password: OWNER.password });
    expect(done.headers.get('location')).toContain(`${ELSEWHERE}?code=`);
  });
});

// S9
it.each<[string, Record<string, string>]>([
  ['/auth/par', { redirect_uri: ELSEWHERE, response_type: 'code', scope: 'openid' }],
  ['/auth/device_authorization', { scope: 'openid' }],
])('what a page of another site posts to %s leaves the fetches of programs alone', async (path, fields) => {
  const post = (name: string, headers: Record<string, string> = {}) => {
    const form = { client_id: `${site.url}${name}/`, ...fields };
    return server.inject({ method: 'POST', url: path, form, headers, remote_address: ADDRESS });
  };
  const name = path.replaceAll('/', '');
  const statuses = [];
  for (let n = 0; n < 25; n += 1) statuses.push((await post(`${name}${n}`, { origin: 'https://evil.example' })).statusCode);
  expect(statuses).toContain(429);
  const before = site.connections();
  expect((await post(`${name}own`)).statusCode).not.toBe(429);
  expect(site.connections()).toBeGreaterThan(before);
});
