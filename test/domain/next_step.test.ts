import { expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import type { LoginFlow } from '../../src/domain/login_flow.ts';
import { type NextStep, nextStep, type StepFacts } from '../../src/domain/next_step.ts';
import { aLoginFlow, FLOW_START } from '../support/login_flow.ts';

const identity = { subject: 'ann', data: { username: 'ann' }, name: 'ann', amr: ['pwd'] };
const totp = { id: 'totp', max_retries: 5 };
const passkey = { id: 'passkey', max_retries: 3 };
const endless = { id: 'totp', max_retries: 0 };
const facts: StepFacts = { now: FLOW_START, support_mfa: true, enrolled: [], answering_mfa: false, mfa_passed: false };
const at = (seconds: number) => ({ now: addSeconds(FLOW_START, seconds), answering_mfa: true });

test.each<[string, Partial<LoginFlow>, Partial<StepFacts>, NextStep]>([
  ['nobody is known yet: the provider goes on', {}, { enrolled: [totp] }, { type: 'provider' }],
  ['known, and no second factor enrolled: the login is finished', { identity }, {}, { type: 'finish' }],
  ['one second factor: its form comes at once', { identity }, { enrolled: [totp] }, { type: 'mfa', mfa_module_id: 'totp' }],
  ['several: the person picks', { identity }, { enrolled: [totp, passkey] }, { type: 'select_mfa_module' }],
  ['picked: its form', { identity, mfa_module_id: 'passkey' }, { enrolled: [totp, passkey] }, { type: 'mfa', mfa_module_id: 'passkey' }],
  [
    'picked one that is gone: the person picks again',
    { identity, mfa_module_id: 'sms' },
    { enrolled: [totp, passkey] },
    { type: 'select_mfa_module' },
  ],
  ['proven: finished', { identity }, { enrolled: [totp], mfa_passed: true }, { type: 'finish' }],
  ['a provider without second factors: finished', { identity }, { enrolled: [totp], support_mfa: false }, { type: 'finish' }],
  ['only linking a credential: finished', { identity, flow_type: 'link_user' }, { enrolled: [totp] }, { type: 'finish' }],
  ['one try left: the form again', { identity, mfa_attempts: 4 }, { enrolled: [totp] }, { type: 'mfa', mfa_module_id: 'totp' }],
  ['no try left: aborted', { identity, mfa_attempts: 5 }, { enrolled: [totp] }, { type: 'abort', reason: 'too_many_retry' }],
  ['a limit of 0 is none', { identity, mfa_attempts: 99 }, { enrolled: [endless] }, { type: 'mfa', mfa_module_id: 'totp' }],
  [
    'answered after exactly five minutes: still fine',
    { identity },
    { enrolled: [totp], ...at(300) },
    { type: 'mfa', mfa_module_id: 'totp' },
  ],
  ['answered later: expired', { identity }, { enrolled: [totp], ...at(300.001) }, { type: 'abort', reason: 'login_expired' }],
  [
    'shown later, not answered: the form',
    { identity },
    { enrolled: [totp], ...at(301), answering_mfa: false },
    { type: 'mfa', mfa_module_id: 'totp' },
  ],
  ['the clock runs from the start of the flow, for the second factor alone', {}, { enrolled: [totp], ...at(301) }, { type: 'provider' }],
])('%s', (_story, flow, differs, expected) => {
  expect(nextStep(aLoginFlow(flow), { ...facts, ...differs })).toEqual(expected);
});
