// Which module of OpenID's conformance plans is which test here. The tests re-implement the suite's
// checks: they were not run through the suite, and the server is not certified. modules.test.ts
// checks that the table is complete.

/** A module of a plan, and what is to be known about our test of it. */
interface Module {
  module: string;
  /** Below test/conformance. The test there bears the module's name. */
  file: string;
  /** Where our test is not the suite's check one to one, and why. */
  note?: string;
}

export interface Plan {
  plan: string;
  /** How every request of the plan is made. */
  response_mode: 'query' | 'form_post';
  modules: Module[];
}

const NOTES: Readonly<Record<string, string>> = {
  'oidcc-idtoken-unsigned': 'Skipped by the suite: `none` is not advertised. Tested here: that it is not.',
  'oidcc-scope-address': 'Skipped by the suite: the scope is not advertised. Tested here: it is ignored and adds no claims.',
  'oidcc-scope-phone': 'Skipped by the suite: the scope is not advertised. Tested here: it is ignored and adds no claims.',
  'oidcc-scope-all': 'Without address and phone, which are not advertised.',
  'oidcc-display-popup': 'Not advertised, and treated as `page`; the suite requires that there is no error.',
  'oidcc-claims-locales': 'The parameter is ignored, as the suite allows: a person has one name.',
  'oidcc-ui-locales': "The pages follow the browser's language; the suite requires that there is no error.",
  'oidcc-max-age-1': "The server's clock is moved instead of waiting.",
  'oidcc-codereuse-30seconds': "The server's clock is moved instead of waiting.",
  'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported':
    'Rejected as unsupported: only pushed requests are accepted.',
  'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported': 'Rejected as unsupported.',
  'oidcc-ensure-request-object-with-redirect-uri': 'An error page: only the parameters of the request itself count.',
};

const BASIC: Record<string, string[]> = {
  'basic_flow.test.ts': [
    'oidcc-server',
    'oidcc-idtoken-signature',
    'oidcc-idtoken-unsigned',
    'oidcc-userinfo-get',
    'oidcc-userinfo-post-header',
    'oidcc-userinfo-post-body',
    'oidcc-ensure-request-without-nonce-succeeds-for-code-flow',
    'oidcc-alternate-happy-flow',
    'oidcc-ensure-request-with-unknown-parameter-succeeds',
    'oidcc-codereuse',
    'oidcc-codereuse-30seconds',
    'oidcc-ensure-post-request-succeeds',
    'oidcc-server-client-secret-post',
    'oidcc-refresh-token',
    'oidcc-ensure-request-with-valid-pkce-succeeds',
  ],
  'basic_claims.test.ts': [
    'oidcc-scope-profile',
    'oidcc-scope-email',
    'oidcc-scope-address',
    'oidcc-scope-phone',
    'oidcc-scope-all',
    'oidcc-claims-essential',
  ],
  'basic_login.test.ts': [
    'oidcc-display-page',
    'oidcc-display-popup',
    'oidcc-prompt-login',
    'oidcc-prompt-none-not-logged-in',
    'oidcc-prompt-none-logged-in',
    'oidcc-max-age-1',
    'oidcc-max-age-10000',
    'oidcc-id-token-hint',
    'oidcc-login-hint',
    'oidcc-ui-locales',
    'oidcc-claims-locales',
    'oidcc-ensure-request-with-acr-values-succeeds',
  ],
  'basic_refusals.test.ts': [
    'oidcc-response-type-missing',
    'oidcc-ensure-registered-redirect-uri',
    'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported',
    'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported',
    'oidcc-ensure-request-object-with-redirect-uri',
  ],
};

const RP_LOGOUT = 'oidcc-rp-initiated-logout';
const ASKS = 'No redirect: the person is asked to confirm, and a page then says that they are logged out.';

const LOGOUT_NOTES: Readonly<Record<string, string>> = {
  [`${RP_LOGOUT}-no-params`]: ASKS,
  [`${RP_LOGOUT}-only-state`]: ASKS,
  [`${RP_LOGOUT}-no-id-token-hint`]: ASKS,
  [`${RP_LOGOUT}-bad-id-token-hint`]: ASKS,
  [`${RP_LOGOUT}-modified-id-token-hint`]: ASKS,
  [`${RP_LOGOUT}-bad-post-logout-redirect-uri`]: ASKS,
  [`${RP_LOGOUT}-query-added-to-post-logout-redirect-uri`]: ASKS,
  'oidcc-backchannel-rp-initiated-logout': 'The listener is on loopback, without TLS; test/oauth/upstream_fetch.test.ts checks the calls.',
};

function modulesOf(files: Record<string, string[]>, notes: Readonly<Record<string, string>>): Module[] {
  return Object.entries(files).flatMap(([file, modules]) =>
    modules.map((module) => ({ module, file, ...(notes[module] !== undefined && { note: notes[module] }) })),
  );
}

export const PLANS: Plan[] = [
  { plan: 'oidcc-basic-certification-test-plan', response_mode: 'query', modules: modulesOf(BASIC, NOTES) },
  {
    plan: 'oidcc-config-certification-test-plan',
    response_mode: 'query',
    modules: modulesOf({ 'config.test.ts': ['oidcc-discovery-endpoint-verification'] }, {}),
  },
  { plan: 'oidcc-formpost-basic-certification-test-plan', response_mode: 'form_post', modules: modulesOf(BASIC, NOTES) },
  {
    plan: 'oidcc-rp-initiated-logout-certification-test-plan',
    response_mode: 'query',
    modules: modulesOf(
      {
        'rp_initiated_logout.test.ts': [
          `${RP_LOGOUT}-discovery-endpoint-verification`,
          RP_LOGOUT,
          `${RP_LOGOUT}-bad-post-logout-redirect-uri`,
          `${RP_LOGOUT}-query-added-to-post-logout-redirect-uri`,
          `${RP_LOGOUT}-modified-id-token-hint`,
          `${RP_LOGOUT}-bad-id-token-hint`,
          `${RP_LOGOUT}-no-id-token-hint`,
          `${RP_LOGOUT}-no-params`,
          `${RP_LOGOUT}-no-post-logout-redirect-uri`,
          `${RP_LOGOUT}-only-state`,
          `${RP_LOGOUT}-no-state`,
        ],
      },
      LOGOUT_NOTES,
    ),
  },
  {
    plan: 'oidcc-backchannel-rp-initiated-logout-certification-test-plan',
    response_mode: 'query',
    modules: modulesOf(
      {
        'backchannel_logout.test.ts': ['oidcc-backchannel-logout-discovery-endpoint-verification', 'oidcc-backchannel-rp-initiated-logout'],
      },
      LOGOUT_NOTES,
    ),
  },
];
