import { describe, expect, test } from 'vitest';
import { type Profile, profileFor, readAuthorizationRequest } from '../../src/domain/authorization_request.ts';

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
  expect(profileFor(new URLSearchParams(query))).toBe(profile);
});

describe("Home Assistant's dialect", () => {
  const ANDROID = 'https://home-assistant.io/android';
  const read = (query: Record<string, string>) => readAuthorizationRequest(new URLSearchParams(query), 'https://auth.example.com');
  const PKCE = { code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' };

  test('drops the challenge of the Android app for its watch, which sends no verifier', () => {
    for (const host of ['wear.googleapis.com', 'wear.googleapis-cn.com']) {
      const redirect_uri = `https://${host}/3p_auth/io.homeassistant.companion.android`;
      expect(read({ client_id: ANDROID, redirect_uri, ...PKCE }).code_challenge).toBeNull();
      expect(read({ client_id: `${ANDROID}/`, redirect_uri, ...PKCE }).code_challenge).toBe(PKCE.code_challenge);
    }
    expect(read({ client_id: ANDROID, redirect_uri: 'homeassistant://auth-callback', ...PKCE }).code_challenge).toBe(PKCE.code_challenge);
  });

  // W4, W6
  test('refuses a method without a challenge, a challenge of another length, and a public address', () => {
    const app = { client_id: 'https://ex.com/', redirect_uri: 'https://ex.com/cb' };
    expect(() => read({ ...app, code_challenge_method: 'S256' })).toThrow('code_challenge required when code_challenge_method is provided');
    expect(() => read({ ...app, code_challenge: 'a'.repeat(43) })).toThrow('Transform algorithm not supported');
    expect(() => read({ ...app, ...PKCE, code_challenge: 'a'.repeat(44) })).toThrow('code_challenge is not one of S256');
    expect(() => read({ client_id: 'http://8.8.8.8:8123/', redirect_uri: 'http://8.8.8.8:8123/cb' })).toThrow('Invalid client id');
  });
});
