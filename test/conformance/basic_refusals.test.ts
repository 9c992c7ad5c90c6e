// The Basic and Form Post plans of OpenID's conformance suite, re-implemented: requests that go no
// further, told to the client or, as long as it is not sure who that is, to the person.
import { beforeEach, describe, expect, test } from 'vitest';
import { ISSUER } from '../support/checks/conformance_checks.ts';
import {
  expectErrorPage,
  MODES,
  type Parameters,
  type RelyingParty,
  RP_REDIRECT_URI,
  relyingParty,
  startConformanceServer,
} from '../support/clients/conformance.ts';
import { perFile } from '../support/fixtures/per_file.ts';

const server = perFile(() => startConformanceServer());

/** An unsigned request object (OpenID Connect Core section 6.1). */
function requestObject(claims: Parameters): string {
  const parts = [{ alg: 'none' }, { iss: 'rp', aud: ISSUER, ...claims }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
}

describe.each(MODES)('response_mode %s', (mode) => {
  let rp: RelyingParty;
  beforeEach(() => {
    rp = relyingParty(server, mode);
  });

  test('oidcc-response-type-missing', async () => {
    expect(await rp.refused({ response_type: undefined })).toBe('invalid_request');
  });

  test('oidcc-ensure-registered-redirect-uri', async () => {
    for (const end of ['2', '/', '?a=b', '#', '/../callback'])
      expectErrorPage(await rp.visit({ redirect_uri: `${RP_REDIRECT_URI}${end}` }));
    expectErrorPage(await rp.visit({ redirect_uri: 'https://evil.example.com/callback' }));
  });

  test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
    // The suite puts the mode into the request object alone.
    const request = requestObject({ state: 'of the object', scope: 'openid', ...(mode !== 'query' && { response_mode: mode }) });
    expect(await rp.refused({ request, response_mode: undefined })).toBe('request_not_supported');
  });

  test('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', async () => {
    const request_uri = 'https://rp.example.com/request.jwt#hash';
    expect(await rp.refused({ request_uri })).toBe('request_uri_not_supported');
  });

  test('oidcc-ensure-request-object-with-redirect-uri', async () => {
    const request = requestObject({ redirect_uri: RP_REDIRECT_URI });
    expectErrorPage(await rp.visit({ request, redirect_uri: 'https://rp.example.com/elsewhere' }));
    expectErrorPage(await rp.visit({ request, redirect_uri: undefined }));
    expect(await rp.refused({ request })).toBe('request_not_supported');
  });
});
