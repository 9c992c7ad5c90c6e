import { expect, test } from 'vitest';
import { type Profile, profileOf } from '../../src/domain/authorization_request.ts';

const URL_CLIENT = 'https://app.example.com/';

test.each<[string, Record<string, string>, Profile]>([
  ['a URL client that says nothing more', { client_id: URL_CLIENT }, 'home_assistant'],
  ['a URL client with PKCE, which is in both dialects', { client_id: URL_CLIENT, code_challenge: 'x' }, 'home_assistant'],
  ['no client', {}, 'home_assistant'],
  ['an empty client', { client_id: '', scope: 'openid' }, 'home_assistant'],
  ['a URL that no client may have', { client_id: 'https://ex.com/../', scope: 'openid' }, 'home_assistant'],
  ['a registered client', { client_id: 'grafana' }, 'standard'],
  ['a registered client whose name has a colon', { client_id: 'urn:example:app' }, 'standard'],
  ...['scope', 'resource', 'nonce', 'prompt', 'response_mode', 'request', 'request_uri'].map(
    (name): [string, Record<string, string>, Profile] => [`a URL client with ${name}`, { client_id: URL_CLIENT, [name]: '' }, 'standard'],
  ),
])('%s: %j speaks %s', (_what, query, profile) => {
  expect(profileOf(new URLSearchParams(query))).toBe(profile);
});
