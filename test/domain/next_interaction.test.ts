import { expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import { AuthError } from '../../src/domain/errors.ts';
import { type Interaction, type InteractionFacts, nextInteraction } from '../../src/domain/next_interaction.ts';
import type { StandardRequest } from '../../src/domain/standard_request.ts';
import { newClient } from '../support/grants.ts';
import { NOON } from '../support/people.ts';

const REDIRECT_URI = 'https://grafana.example.com/callback';
const client = newClient({ trusted: false });
const trusted = { client: newClient() };
const request: StandardRequest = {
  ...{ profile: 'standard', client, redirect_uri: REDIRECT_URI, response_mode: 'query', state: null, scope: ['openid'] },
  asked_scope: ['openid', 'profile'],
  ...{
    resource: [],
    asked_resource: [],
    nonce: null,
    claims: null,
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
const facts: InteractionFacts = {
  now: addSeconds(NOON, 100),
  session,
  just_logged_in: false,
  agreed: false,
  consent,
  hinted_user_id: null,
  is_allowed: true,
};
const nobody = { session: null };
const back = { just_logged_in: true };
const mfa = { session: { ...session, amr: ['pwd', 'otp', 'mfa'] } };

test.each<[string, Partial<StandardRequest>, Partial<InteractionFacts>, Interaction | string]>([
  ['nobody is logged in', {}, nobody, 'login'],
  ['logged in, and agreed before', {}, {}, 'grant'],
  ['silently: nobody is logged in', { prompt: ['none'] }, nobody, 'login_required'],
  ['silently: agreed before', { prompt: ['none'] }, {}, 'grant'],

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

function decide(asked: StandardRequest, known: InteractionFacts): string {
  try {
    return nextInteraction(asked, known);
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}
