import { describe, expect, it } from 'vitest';
import { isRegisteredRedirectUri, redirectUriIssue } from '../../src/domain/registered_redirect_uri.ts';

describe('what may be registered', () => {
  it.each([
    'https://app.example.com/cb',
    'https://app.example.com:8443/cb?a=1&b=c%20d',
    'http://127.0.0.1/cb',
    'http://[::1]:3000/cb',
    'http://localhost:8080/cb',
    'com.example.app:/oauth2redirect',
    'myapp://callback',
    'urn:ietf:wg:oauth:2.0:oob',
  ])('%s', (uri) => {
    expect(redirectUriIssue(uri, false)).toBeNull();
  });

  it.each([
    ['https://.*\\.example.com/cb', /absolute URI/], // A5
    ['https://*.example.com/cb', /no wildcards/],
    ['https://app.example.com/*', /no wildcards/],
    ['https://(a|b).example.com/cb', /no wildcards/],
    ['https://[a-z]+.example.com/cb', /name a host/],
    ['https://app.example.com/cb#x', /no fragment/], // A8
    ['https://app.example.com/cb#', /no fragment/],
    ['//evil.test/cb', /absolute URI/], // A9
    ['https:evil.test', /absolute URI/],
    ['/\\evil.test', /absolute URI/],
    [' https://evil.test/', /absolute URI/],
    ['https://evil.test/\r\nset-cookie:a=b', /absolute URI/],
    ['https://evil.test/\0', /absolute URI/],
    ['https://user:word@evil.test/cb', /no user/],
    ['https://evil.test:99999/cb', /name a host/],
    ['https://app.example.com/a/../cb', /no dot segments/],
    ['https://app.example.com/a/%2E%2e/cb', /no dot segments/],
    ['javascript:alert(1)', /absolute URI/], // A10
    ['data:text/html,x', /absolute URI/],
    ['vbscript:x', /absolute URI/],
    ['file:///etc/passwd', /absolute URI/],
    ['about:blank', /absolute URI/],
    ['blob:https://a.test/1', /absolute URI/],
    ['http://app.example.com/cb', /must be https/], // A12
    ['http://localhost.evil.test/cb', /must be https/],
  ])('not %s', (uri, complaint) => {
    expect(redirectUriIssue(uri, false)).toMatch(complaint);
  });

  // A12
  it('http to another host, where the operator allows it', () => {
    expect(redirectUriIssue('http://nas.lan:5000/cb', true)).toBeNull();
    expect(redirectUriIssue('javascript:alert(1)', true)).not.toBeNull();
  });
});

describe('what is sent', () => {
  const cases: [string, string, string, boolean][] = [
    ['the same text', 'https://a.test/cb', 'https://a.test/cb', true],
    ['a dot that is no dot', 'https://foo.example.com', 'https://fooXexample.com', false], // A5
    ['another case of the path', 'https://a.test/Cb', 'https://a.test/cb', false], // A6
    ['another case of scheme and host', 'https://a.test/Cb', 'HTTPS://A.TEST/Cb', false],
    ['a query that was not registered', 'https://a.test/cb', 'https://a.test/cb?x=1', false], // A7
    ['another query', 'https://a.test/cb?a=1', 'https://a.test/cb?a=2', false],
    ['the same query', 'https://a.test/cb?a=1', 'https://a.test/cb?a=1', true],
    ['a fragment', 'https://a.test/cb', 'https://a.test/cb#x', false], // A8
    ['a slash more', 'https://a.test', 'https://a.test/', false],
    ['loopback at another port', 'http://127.0.0.1/cb', 'http://127.0.0.1:51234/cb', true], // A11
    ['loopback at another port than the registered one', 'http://127.0.0.1:3000/cb', 'http://127.0.0.1:51234/cb', true],
    ['loopback by IPv6 at another port', 'http://[::1]/cb', 'http://[::1]:51234/cb', true],
    ['loopback with a query more', 'http://127.0.0.1/cb', 'http://127.0.0.1:51234/cb?x=1', false],
    ['loopback by name at another port', 'http://localhost/cb', 'http://localhost:51234/cb', true],
    ['loopback by name with a longer host', 'http://localhost/cb', 'http://localhost.evil.test:51234/cb', false],
    ['loopback by an address for the name', 'http://localhost/cb', 'http://127.0.0.1:51234/cb', false],
    ['loopback by name for an address', 'http://127.0.0.1/cb', 'http://localhost:51234/cb', false],
    ['the other loopback', 'http://127.0.0.1/cb', 'http://[::1]/cb', false],
    ['loopback of a client without one', 'https://e.test/cb', 'http://127.0.0.1/cb', false],
    ['a host that begins like loopback', 'http://127.0.0.1/cb', 'http://127.0.0.1.evil.test/cb', false],
    ['loopback as a user', 'http://127.0.0.1/cb', 'http://127.0.0.1:80@evil.test/cb', false],
    ['a port that is none', 'http://127.0.0.1/cb', 'http://127.0.0.1:99999/cb', false],
    ['https to loopback at another port', 'https://127.0.0.1/cb', 'https://127.0.0.1:444/cb', false],
    ['an app’s scheme', 'com.example.app:/cb', 'com.example.app:/cb', true],
    ['an app’s scheme with more', 'com.example.app:/cb', 'com.example.app:/cb/x', false],
  ];
  it.each(cases)('%s: registered %s, sent %s', (_story, registered, sent, accepted) => {
    expect(isRegisteredRedirectUri([registered], sent)).toBe(accepted);
  });
});
