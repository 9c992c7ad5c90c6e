// `ui_locales` wins over the browser's own languages, all the way through the login (OpenID Connect
// Core section 3.1.2.1).
import { beforeAll, expect, it } from 'vitest';
import { visitor } from '../../support/clients/page_visitor.ts';
import { perFile } from '../../support/fixtures/per_file.ts';
import { startServer } from '../../support/fixtures/server.ts';

const CALLBACK = 'https://rp.example.com/callback';

const server = perFile(() =>
  startServer({ config: { clients: [{ client_id: 'rp', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' }] } }),
);
beforeAll(async () => {
  await server.createOwner();
});

it.each([
  ['fr de', 'fr'],
  ['nl de-AT', 'de'],
  ['', 'en'],
])('ui_locales %j shows the login in %s', async (ui_locales, tag) => {
  const asked = { response_type: 'code', client_id: 'rp', redirect_uri: CALLBACK, scope: 'openid', code_challenge_method: 'S256' };
  const person = visitor(server, { 'accept-language': 'en' });
  let url = `/auth/authorize?${new URLSearchParams({ ...asked, code_challenge: 'a'.repeat(43), ui_locales })}`;
  let page = await person.get(url);
  for (let hops = 0; page.status === 303 && hops < 5; hops += 1) {
    url = page.headers.get('location')!;
    page = await person.get(url);
  }
  expect(await page.text()).toContain(`<html lang="${tag}">`);
});
