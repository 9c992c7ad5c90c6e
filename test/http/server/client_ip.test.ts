import type { FastifyPluginAsync } from 'fastify';
import { describe, expect, it } from 'vitest';
import { createBareServer } from '../../support/fakes/bare_server.ts';

const routes: FastifyPluginAsync = async (app) => {
  app.get('/who', { config: { counts_refusals: true } }, async ({ remote_address, scheme }) => ({ remote_address, scheme }));
};

type Headers = Record<string, string | string[]>;

async function ask(trusted_proxies: string[], peer: string, headers: Headers = {}) {
  const bare = createBareServer(routes, { trusted_proxies });
  const answer = await bare.app.inject({ url: '/who', remoteAddress: peer, headers: headers as Record<string, string> });
  return { status: answer.statusCode, body: answer.statusCode === 200 ? answer.json() : answer.body, failures: bare.failures };
}

describe('the remote address', () => {
  it.each<[string, string[], string, Headers, string, string]>([
    ['is the peer', [], '203.0.113.9', {}, '203.0.113.9', 'http'],
    ['of a mapped peer is its IPv4 form', [], '::ffff:10.0.0.5', {}, '10.0.0.5', 'http'], // J5
    ['has one spelling', [], '2001:DB8:0:0:0:0:0:1', {}, '2001:db8::1', 'http'],
    ['is the client behind a trusted proxy', ['10.0.0.0/8'], '10.0.0.1', { 'x-forwarded-for': '203.0.113.9' }, '203.0.113.9', 'http'],
    ['is the right-most that is no proxy', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.1.1.1, 203.0.113.9' }, '203.0.113.9', 'http'], // J3
    ['is the left-most when all are proxies', ['10.0.0.0/8'], '10.0.0.1', { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' }, '10.0.0.3', 'http'],
    ['of a mapped element is its IPv4 form', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '::ffff:1.2.3.4' }, '1.2.3.4', 'http'],
    [
      'brings its scheme',
      ['10.0.0.0/8'],
      '10.0.0.1',
      { 'x-forwarded-for': '1.2.3.4, 10.0.0.2', 'x-forwarded-proto': 'https, http' },
      '1.2.3.4',
      'https',
    ],
    ['takes a single scheme', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https' }, '1.2.3.4', 'https'],
    // W14: Traefik names WebSockets so, and schemes have no case (RFC 3986 section 3.1).
    ['takes wss for https', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'wss' }, '1.2.3.4', 'https'],
    ['takes WS for http', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'WS' }, '1.2.3.4', 'http'],
    ['takes HTTPS', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'HTTPS' }, '1.2.3.4', 'https'],
    ['without X-Forwarded-For ignores the others', [], '10.0.0.1', { 'x-forwarded-proto': 'https' }, '10.0.0.1', 'http'], // J6
  ])('%s', async (_story, proxies, peer, headers, remote_address, scheme) => {
    expect((await ask(proxies, peer, headers)).body).toEqual({ remote_address, scheme });
  });
});

describe('forwarded headers are refused, and nothing is counted,', () => {
  const trusted = ['10.0.0.1'];
  it.each<[string, string[], string, Headers]>([
    ['without any trusted proxy', [], '10.0.0.1', { 'x-forwarded-for': '127.0.0.1' }], // J1, H7
    ['from a peer that is none', trusted, '10.0.0.2', { 'x-forwarded-for': '127.0.0.1' }],
    ['with a name', trusted, '10.0.0.1', { 'x-forwarded-for': 'a' }], // J2
    ['when empty', trusted, '10.0.0.1', { 'x-forwarded-for': '' }],
    ['with an empty element', trusted, '10.0.0.1', { 'x-forwarded-for': '1.2.3.4, ,' }],
    ['with a network', trusted, '10.0.0.1', { 'x-forwarded-for': '192.168.0.0/24' }],
    ['when there are two', trusted, '10.0.0.1', { 'x-forwarded-for': ['1.2.3.4', '1.2.3.5'] }],
    ['with 200 entries', trusted, '10.0.0.1', { 'x-forwarded-for': Array(200).fill('1.2.3.4').join(', ') }],
    ['with an empty scheme', trusted, '10.0.0.1', { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https, , https' }],
    ['with more schemes than addresses', trusted, '10.0.0.1', { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'https, https' }],
    ['with an unknown scheme', trusted, '10.0.0.1', { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'ftp' }],
    ['with two schemes', trusted, '10.0.0.1', { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': ['https', 'http'] }],
    ['with an empty host', trusted, '10.0.0.1', { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-host': ' ' }],
    ['with two hosts', trusted, '10.0.0.1', { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-host': ['a', 'b'] }],
  ])('%s', async (_story, proxies, peer, headers) => {
    expect(await ask(proxies, peer, headers)).toEqual({
      status: 400,
      body: expect.stringMatching(/^400: Bad Request(\n|$)/),
      failures: [],
    });
  });
});

// U7
it('a proxy that is not trusted is answered with the setting that names it, and the reason goes to the log alone', async () => {
  const { body } = await ask([], '172.18.0.5', { 'x-forwarded-for': '203.0.113.9' });
  expect(body).toContain('http.trusted_proxies (LATCHKEY_HTTP_TRUSTED_PROXIES)');
  expect(body).not.toContain('172.18.0.5');
  expect((await ask(['172.18.0.5'], '172.18.0.5', { 'x-forwarded-for': 'a' })).body).toBe('400: Bad Request');
});
