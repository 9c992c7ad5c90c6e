// Which module of the FAPI 2.0 plan (fapi2-security-profile-final-test-plan; names without that
// prefix) is which test here: those that also define a good OAuth 2.1 server. Re-implementations of
// the checks, not run through the suite. fapi2_modules.test.ts holds that the table is whole.

/** By file below test/conformance; the test there bears the module's name. */
export const FAPI2_MODULES: Readonly<Record<string, readonly string[]>> = {
  'fapi2.test.ts': [
    'discovery-end-point-verification',
    'happy-flow',
    'user-rejects-authentication',
    'ensure-authorization-request-without-state-success',
    'ensure-authorization-request-without-nonce-success',
    'ensure-authorization-request-with-64-char-nonce-success',
    'ensure-authorization-request-with-long-nonce',
    'ensure-authorization-request-with-long-state',
    'ensure-other-scope-order-succeeds',
    'ensure-registered-redirect-uri',
    'ensure-redirect-uri-in-authorization-request',
    'ensure-response-type-code-idtoken-fails',
    'ensure-response-type-token-fails',
    'ensure-client-id-in-token-endpoint',
    'ensure-authorization-code-is-bound-to-client',
    'attempt-reuse-authorization-code-after-one-second',
    'ensure-token-endpoint-fails-with-expired-auth-code',
    'ensure-pkce-code-verifier-required',
    'incorrect-pkce-code-verifier-rejected',
    'par-ensure-pkce-required',
    'par-plain-pkce-rejected',
    'par-ensure-reused-request-uri-prior-to-auth-completion-succeeds',
    'par-attempt-reuse-request_uri',
    'par-attempt-to-use-expired-request_uri',
    'par-attempt-to-use-request_uri-for-different-client',
    'par-authorization-request-containing-request_uri-form-param',
    'par-attempt-invalid-http-method',
    'par-without-duplicate-parameters',
  ],
  'fapi2_tokens.test.ts': [
    'access-token-type-header-case-sensitivity',
    'refresh-token',
    'ensure-client-assertion-in-token-endpoint',
    'ensure-client-assertion-with-exp-is-5-minutes-in-past-fails',
    'ensure-client-assertion-with-wrong-aud-fails',
    'ensure-client-assertion-with-no-sub-fails',
    'ensure-signed-client-assertion-with-RS256-fails',
    'par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted',
    'par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails',
    'par-test-array-as-audience-fails',
    'par-test-par-endpoint-url-as-audience-fails',
    'par-test-token-endpoint-url-as-audience-fails',
    'check-dpop-proof-nbf-exp',
    'ensure-dpopproof-with-iat-10seconds-before-succeeds',
    'ensure-dpopproof-with-iat-10seconds-after-succeeds',
    'ensure-mismatched-dpop-jkt-fails',
    'ensure-token-endpoint-fails-with-mismatched-dpop-jkt',
    'ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt',
    'ensure-dpop-auth-code-binding-success',
    'ensure-dpopproof-at-par-endpoint-binding-success',
    'ensure-holder-of-key-required',
    'dpop-negative-tests',
  ],
};

/** Where our test departs from the suite's check, and why. */
export const FAPI2_NOTES: Readonly<Record<string, string>> = {
  'ensure-token-endpoint-fails-with-expired-auth-code': "The server's clock is moved instead of waiting.",
  'attempt-reuse-authorization-code-after-one-second': "The server's clock is moved instead of waiting.",
  'dpop-negative-tests': 'At userinfo; the same at the token endpoint in test/tokens/dpop.test.ts.',
};
