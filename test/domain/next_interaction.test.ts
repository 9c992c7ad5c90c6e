import { expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { AuthError } from '../../src/domain/errors.ts';
import { type Interaction, type InteractionInput, nextInteraction } from '../../src/domain/next_interaction.ts';
import type { ClaimConditions } from '../../src/domain/requested_claims.ts';
import type { StandardRequest } from '../../src/domain/standard_request.ts';
import { newClient } from '../support/fixtures/grants.ts';
import { NOON } from '../support/fixtures/people.ts';

const REDIRECT_URI = 'https://grafana.example.com/callback';
const client = newClient({ trusted: false });
const trusted = { client: newClient() };
const request: StandardRequest = {
  ...{
    profile: 'standard',
    client,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    response_mode: 'query',
    state: null,
    scope: ['openid'],
  },
  asked_scope: ['openid', 'profile'],
  ...{
    resource: [],
    asked_resource: [],
    nonce: null,
    claims: null,
    conditions: { subjects: null, essential_acr: null, voluntary_acr: [] },
    code_challenge: '',
    prompt: [],
    max_age: null,
    acr_values: [],
    id_token_hint: null,
  },
  ...{ login_hint: null, dpop_jkt: null },
};
const session = { user_id: 'ann', auth_time: NOON, amr: ['pwd'] };
const consent = { scope: ['openid', 'profile', 'email'], redirect_uris: [REDIRECT_URI], resources: ['https://api.example.com/'] };
const other = { asked_resource: ['https://api.example.com/', 'https://other.example.com/'] };
const facts: InteractionInput = {
  now: addSeconds(NOON, 100),
  session,
  just_logged_in: false,
  agreed: false,
  consent,
  hinted_user_id: null,
  is_allowed: true,
};
const claims = (conditions: Partial<ClaimConditions>) => ({ conditions: { ...request.conditions, ...conditions } });
const nobody = { session: null };
const back = { just_logged_in: true };
const mfa = { session: { ...session, amr: ['pwd', 'otp', 'mfa'] } };

test.each<[string, Partial<StandardRequest>, Partial<InteractionInput>, Interaction['next'] | string]>([
  ['nobody is logged in', {}, nobody, 'login'],
  ['logged in, and agreed before', {}, {}, 'grant'],
  ['silently: nobody is logged in', { prompt: ['none'] }, nobody, 'login_required'],
  ['silently: agreed before', { prompt: ['none'] }, {}, 'grant'],

  // W10, OpenID Connect Core sections 5.5.1 and 5.5.1.1
  ['claims name the person', claims({ subjects: ['ann'] }), {}, 'grant'],
  ['claims name somebody else', claims({ subjects: ['bob'] }), {}, 'login'],
  ['claims name somebody else, after a login for it', claims({ subjects: ['bob'] }), back, 'login_required'],
  ['claims name somebody else, silently', { ...claims({ subjects: ['bob'] }), prompt: ['none'] }, {}, 'login_required'],
  ['claims name two, this one among them', claims({ subjects: ['bob', 'ann'] }), {}, 'grant'],
  ['claims contradict each other', claims({ subjects: [] }), back, 'login_required'],
  ['claims name somebody else, and it was agreed', claims({ subjects: ['bob'] }), { ...back, agreed: true }, 'login_required'],
  ['an essential class that the login has', claims({ essential_acr: ['2', '1'] }), {}, 'grant'],
  ['an essential class that another login may have', claims({ essential_acr: ['2'] }), {}, 'login'],
  ['an essential class that the login has now', claims({ essential_acr: ['2'] }), { ...back, ...mfa }, 'grant'],
  ['an essential class, after a login without it', claims({ essential_acr: ['2'] }), back, 'unmet_authentication_requirements'],
  ['an essential class, silently', { ...claims({ essential_acr: ['2'] }), prompt: ['none'] }, {}, 'login_required'],
  ['an essential class that nobody knows', claims({ essential_acr: ['gold'] }), nobody, 'unmet_authentication_requirements'],
  [
    'an essential class that is too low for the login',
    claims({ essential_acr: ['1'] }),
    { ...back, ...mfa },
    'unmet_authentication_requirements',
  ],
  ['a welcome class that the login has not', claims({ voluntary_acr: ['2'] }), {}, 'login'],
  ['a welcome class, after a login without it', claims({ voluntary_acr: ['2'] }), back, 'grant'],

  ['never agreed', {}, { consent: undefined }, 'consent'],
  ['never agreed, to a trusted client', trusted, { consent: undefined }, 'grant'],
  ['never agreed, silently', { prompt: ['none'] }, { consent: undefined }, 'consent_required'],
  ['agreed to less', {}, { consent: { ...consent, scope: ['openid'] } }, 'consent'],
  ['agreed for another place to be sent to', {}, { consent: { ...consent, redirect_uris: ['https://old.example.com/'] } }, 'consent'],
  ['agreed for that server', { asked_resource: ['https://api.example.com/'] }, {}, 'grant'],
  ['agreed for one of the servers', other, {}, 'consent'],
  ['agreed for one of the servers, silently', { ...other, prompt: ['none'] }, {}, 'consent_required'],
  ['agreed for none of the servers, to a trusted client', { ...other, ...trusted }, { consent: undefined }, 'grant'],
  ['asked to ask', { prompt: ['consent'] }, {}, 'consent'],
  ['asked to ask, by a trusted client', { ...trusted, prompt: ['consent'] }, {}, 'consent'],
  ['asked to ask, and answered', { prompt: ['consent'] }, { agreed: true }, 'grant'],

  ['to log in anew', { prompt: ['login'] }, {}, 'login'],
  ['to sign up', { prompt: ['create'] }, {}, 'login'],
  ['to log in anew, and did', { prompt: ['login'] }, back, 'grant'],
  ['to log in anew, and said yes only', { prompt: ['login'] }, { agreed: true }, 'login'],
  ['to log in anew and be asked', { prompt: ['login', 'consent'] }, back, 'consent'],
  ['to choose who', { prompt: ['select_account'] }, {}, 'select_account'],
  ['to choose who, and logged in for it', { prompt: ['select_account'] }, back, 'grant'],
  ['to choose who, and chose', { prompt: ['select_account'] }, { agreed: true }, 'grant'],

  ['the login is young enough', { max_age: 100 }, {}, 'grant'],
  ['the login is too old', { max_age: 99 }, {}, 'login'],
  ['the login is too old, silently', { max_age: 99, prompt: ['none'] }, {}, 'login_required'],
  ['any login before this is too old', { max_age: 0 }, {}, 'login'],
  ['logged in for this', { max_age: 0 }, back, 'grant'],

  ['a second factor is wanted', { acr_values: ['2'] }, {}, 'login'],
  ['a second factor is wanted, and was shown', { acr_values: ['2'] }, mfa, 'grant'],
  ['a second factor is wanted, and there is none', { acr_values: ['2'] }, back, 'grant'],
  ['a second factor would be liked', { acr_values: ['2', '1'] }, {}, 'grant'],

  ['the hint is about them', {}, { hinted_user_id: 'ann' }, 'grant'],
  ['the hint is about somebody else', {}, { hinted_user_id: 'bob' }, 'login'],
  ['the hint is about somebody else, silently', { prompt: ['none'] }, { hinted_user_id: 'bob' }, 'login_required'],
  ['the hint is about somebody else than who came', {}, { hinted_user_id: 'bob', ...back }, 'login_required'],
  ['the hint is about somebody else, whatever was said', {}, { hinted_user_id: 'bob', ...back, agreed: true }, 'login_required'],

  ['may not use the client', {}, { is_allowed: false }, 'access_denied'],
  ['may not use the client, though they agree', {}, { is_allowed: false, agreed: true }, 'access_denied'],
])('%s: %s', (_what, asked, known, expected) => {
  expect(decide({ ...request, ...asked }, { ...facts, ...known })).toBe(expected);
});

function decide(asked: StandardRequest, known: InteractionInput): string {
  try {
    return nextInteraction(asked, known).next;
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}
