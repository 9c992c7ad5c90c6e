// The pages of URL clients, fetched from a server.
import { afterEach, expect } from 'vitest';
import { createClientPages } from '../../src/oauth/client_page.ts';
import { runArea } from '../support/clients/vector_driver.ts';
import { respond, type Stranger, startStranger } from '../support/fakes/stranger.ts';
import { createTestClock } from '../support/fixtures/clock.ts';

let site: Stranger;
afterEach(() => site.close());

runArea('client-page', async ({ given, request, expect: want }) => {
  const status = `${given.status ?? 200} Whatever`;
  site = await startStranger((socket) => given.body !== undefined && respond(socket, given.body, { status }));
  const here = (url: string) => url.replace(/^http:\/\/(h|127\.0\.0\.1:8000)(?=\/|$)\/?/, site.url);
  const { clock } = createTestClock();
  const pages = createClientPages({ allow_private_addresses: true, clock, bucket_ms: 1, fetch: { deadline_ms: 300 } });
  expect(await pages.publishedRedirectUris(here(request.fetch), '198.51.100.7')).toEqual(want.redirect_uris.map(here));
});
