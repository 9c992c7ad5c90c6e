// An authorization request that comes as a form (OpenID Connect Core section 3.1.2.1), and the
// names that its client may have.
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { relyingParty, startConformanceServer } from '../../support/clients/conformance.ts';
import { perFile } from '../../support/fixtures/per_file.ts';

const RESOURCES = ['https://api.example.com', 'https://files.example.com'];

const server = perFile(() => startConformanceServer({ resources: RESOURCES }));

// RFC 8707 section 2
test('it may name several resources', async () => {
  const rp = relyingParty(server);
  const sent = rp.requestOf();
  for (const resource of RESOURCES) sent.append('resource', resource);
  const answer = await server.request('/auth/authorize', { method: 'POST', body: sent });
  const { tokens } = await rp.finish({ ...(await rp.follow(answer, '/auth/authorize')), sent });
  expect(decodeJwt(tokens.access_token).aud).toEqual(RESOURCES);
});

test('a parameter that is there twice is refused', async () => {
  const sent = relyingParty(server).requestOf();
  sent.append('scope', 'profile');
  const answer = await server.request('/auth/authorize', { method: 'POST', body: sent });
  expect(answer.status).toBe(400);
});

test('a registered name with a colon is no URL', async () => {
  const rp = relyingParty(server, 'query', { client_id: 'urn:example:app' });
  expect((await rp.logIn()).claims.aud).toBe('urn:example:app');
});
