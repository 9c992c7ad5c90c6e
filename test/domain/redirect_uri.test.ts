import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acceptsRedirectUri, appendCode, isForbiddenRedirectUri, redirectHost, redirectUriMatches } from '../../src/domain/redirect_uri.ts';
import { holds } from '../support/checks/holds.ts';
import { vectors } from '../support/clients/vectors.ts';

for (const { id, given, request, expect: want } of vectors('redirect-uri')) {
  test(`${id}: ${request.redirect_uri} is ${want.accepted ? '' : 'not '}accepted for ${request.client_id}`, () => {
    expect(acceptsRedirectUri(request.client_id, request.redirect_uri, given.published_redirect_uris)).toBe(want.accepted);
  });
}

for (const { id, given, request, expect: want } of vectors('final-redirect')) {
  test(`${id}: the answer for ${given.redirect_uri} is ${want.location ?? want.error}`, () => {
    expect(isForbiddenRedirectUri(given.redirect_uri)).toBe(want.error !== undefined);
    if (want.error) return;
    expect(appendCode(given.redirect_uri, { code: request.code, state: given.state, storeToken: given.keep_logged_in })).toBe(
      want.location,
    );
  });
}

const client_id = 'https://app.example.com/';
const published = ['https://other.example/cb', 'hass://cb', 'javascript:alert(1)', 'data:text/html,x', ' https://x.example/'];

test('a URI published on the page is accepted byte for byte, for URL clients only', () => {
  expect(acceptsRedirectUri(client_id, 'https://other.example/cb', published)).toBe(true);
  expect(acceptsRedirectUri(client_id, 'hass://cb', published)).toBe(true);
  expect(acceptsRedirectUri(client_id, 'https://other.example/cb/', published)).toBe(false);
  expect(acceptsRedirectUri(client_id, 'https://OTHER.example/cb', published)).toBe(false);
  expect(acceptsRedirectUri('not a url', 'https://other.example/cb', published)).toBe(false);
});

// A2
test('a host that begins with the host of the client is another host', () => {
  expect(redirectUriMatches(client_id, 'https://app.example.com.evil.test/cb')).toBe(false);
  expect(redirectUriMatches(client_id, 'https://app.example.comevil.test')).toBe(false);
});

// A3
test('the host of the client as user-info does not make a match', () => {
  expect(redirectUriMatches(client_id, 'https://app.example.com@evil.test/cb')).toBe(false);
  expect(redirectUriMatches(client_id, 'https://app.example.com:x@evil.test/cb')).toBe(false);
  expect(redirectUriMatches('http://localhost:80/', 'http://localhost:80@evil.test')).toBe(false);
  expect(redirectUriMatches(client_id, 'https://evil.test@app.example.com/cb')).toBe(false);
  expect(redirectUriMatches(client_id, 'https://app.example.com\\@evil.test/cb')).toBe(false);
});

// A4
test('a published URI is not a prefix', () => {
  for (const path of ['/cb/../x', '/cb/..%2fx', '/cb%252f..', '/cb/..;/x']) {
    expect(acceptsRedirectUri(client_id, `https://other.example${path}`, published)).toBe(false);
  }
});

test('scheme, host and port must be equal, and a default port is not the same as none', () => {
  const table: [string, boolean][] = [
    ['https://app.example.com', true],
    ['HTTPS://APP.EXAMPLE.COM/x?y#z', true],
    ['http://app.example.com/', false],
    ['https://app.example.com:443/', false],
    ['https://app.example.com:/', false],
    ['https://app%2eexample.com/', false],
  ];
  for (const [redirect_uri, want] of table) expect(redirectUriMatches(client_id, redirect_uri)).toBe(want);
  expect(redirectUriMatches('http://user@ex.com/', 'http://user@ex.com/cb')).toBe(false);
});

// A9
test('a URI that browsers could read differently is refused', () => {
  const ambiguous = [
    ...[
      '//evil.test',
      '/\\evil.test',
      '\\/evil.test',
      'https:evil.test',
      'https:/evil.test',
      'https:///evil.test',
      ' https://app.example.com/',
    ],
    ...[
      'https://app.example.com/\t',
      'https://app.example.com/\r\nSet-Cookie: a=b',
      'https://app.example.com/\n',
      'https://app.example.com/\0',
    ],
    ...['https://app.example.com\\.evil.test/', 'https://app.example.com/ x', '', 'cb', '/cb', '?x', ':', '://x'],
  ];
  for (const redirect_uri of ambiguous) {
    expect(isForbiddenRedirectUri(redirect_uri), redirect_uri).toBe(true);
    expect(acceptsRedirectUri(client_id, redirect_uri, [redirect_uri]), redirect_uri).toBe(false);
  }
});

// A10
test('a scheme that runs script or reads files is refused, published or not', () => {
  const schemes = [
    'javascript:alert(1)',
    'JavaScript://app.example.com/%0aalert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'about:blank',
  ];
  for (const redirect_uri of [...schemes, 'blob:https://app.example.com/1', 'java\tscript:alert(1)', '\u0001javascript:alert(1)']) {
    expect(isForbiddenRedirectUri(redirect_uri), redirect_uri).toBe(true);
    expect(acceptsRedirectUri(client_id, redirect_uri, [redirect_uri]), redirect_uri).toBe(false);
  }
});

// L10
test('the companion apps have their own URIs, by their exact ids only', () => {
  const app = 'homeassistant://auth-callback';
  const wear = [
    'https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android',
    'https://wear.googleapis-cn.com/3p_auth/io.homeassistant.companion.android',
  ];
  const android = 'https://home-assistant.io/android';
  expect([app, ...wear].every((redirect_uri) => redirectUriMatches(android, redirect_uri))).toBe(true);
  expect(redirectUriMatches('https://home-assistant.io/iOS', app)).toBe(true);
  for (const other of [
    'https://home-assistant.io/android/',
    'https://home-assistant.io/Android',
    'https://home-assistant.io/ios',
    'https://home-assistant.io/',
    'https://evil.test/android',
  ]) {
    expect([app, ...wear].some((redirect_uri) => redirectUriMatches(other, redirect_uri))).toBe(false);
  }
  expect(redirectUriMatches(android, 'homeassistant://auth-callback/')).toBe(false);
  expect(redirectUriMatches(android, 'HomeAssistant://auth-callback')).toBe(false);
});

test('the answer keeps the query of the URI and encodes code and state', () => {
  const table: [string, Parameters<typeof appendCode>[1], string][] = [
    ['https://a/cb?x=1', { code: 'C', state: 'S' }, 'https://a/cb?x=1&code=C&state=S'],
    ['https://a/cb?', { code: 'C', storeToken: true }, 'https://a/cb?&code=C&storeToken=true'],
    ['https://a', { code: 'a b', state: '&=+#%é"' }, 'https://a?code=a%20b&state=%26%3D%2B%23%25%C3%A9%22'],
    ['https://a/cb', { code: 'C', state: '', storeToken: false }, 'https://a/cb?code=C'],
    ['https://a/cb', { code: 'C', state: '\ud800' }, 'https://a/cb?code=C&state=%EF%BF%BD'],
    ['https://a/ü', { code: 'C' }, 'https://a/%C3%BC?code=C'],
  ];
  for (const [redirect_uri, answer, want] of table) expect(appendCode(redirect_uri, answer)).toBe(want);
});

test('a page shows where a URI leads in ASCII', () => {
  expect(redirectHost('https://\u0430pple.com:8123/cb?x')).toBe('xn--pple-43d.com:8123');
  expect(redirectHost('homeassistant://auth-callback')).toBe('homeassistant://auth-callback');
  expect(redirectHost('app:/cb')).toBe('app:');
  expect(redirectHost('nonsense')).toBe('');
});

test('no text makes the rules throw', () => {
  holds(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const uri of [text, `https://app.example.com${text}`]) {
        void [redirectHost(uri), acceptsRedirectUri(uri, uri, [uri]), appendCode(uri, { code: text, state: text })];
      }
    }),
  );
});

test('a URI that matches the client leads a browser to the client', () => {
  const pieces = [
    'app.example.com',
    '.evil.test',
    'evil.test',
    '@',
    ':',
    '\\',
    '/',
    '?',
    '#',
    '%2e',
    '\t',
    '443',
    '[',
    ']',
    ';',
    '\u3002',
    '\uff0f',
  ];
  const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => `https://app.example.com${parts.join('')}`);
  fc.assert(
    fc.property(texts, (text) => {
      if (redirectUriMatches(client_id, text)) expect(new URL(text).host).toBe('app.example.com');
    }),
    { numRuns: 1000 },
  );
});
