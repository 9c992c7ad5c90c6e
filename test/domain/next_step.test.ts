import { expect, test } from 'vitest';
import { addSeconds } from '../../src/domain/clock.ts';
import type { LoginFlow } from '../../src/domain/login_flow.ts';
import { type NextStep, type NextStepInput, nextStep } from '../../src/domain/next_step.ts';
import { aLoginFlow, FLOW_START } from '../support/fixtures/login_flow.ts';

const identity = { subject: 'ann', data: { username: 'ann' }, name: 'ann', amr: ['pwd'] };
const totp = { id: 'totp', max_retries: 5 };
const passkey = { id: 'passkey', max_retries: 3 };
const endless = { id: 'totp', max_retries: 0 };
const facts: NextStepInput = {
  now: FLOW_START,
  support_mfa: true,
  mfa_required: false,
  enrolled: [],
  offered: [totp, passkey],
  answering_mfa: false,
  mfa_passed: false,
};
const required = { mfa_required: true };
const at = (seconds: number) => ({ now: addSeconds(FLOW_START, seconds), answering_mfa: true });

test.each<[string, Partial<LoginFlow>, Partial<NextStepInput>, NextStep]>([
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
  ['required and enrolled nowhere: the person picks what to enrol', { identity }, required, { type: 'mfa_setup_select' }],
  ['picked what to enrol: its form', { identity, mfa_module_id: 'totp' }, required, { type: 'mfa_setup', mfa_module_id: 'totp' }],
  [
    'only one to enrol: its form at once',
    { identity },
    { ...required, offered: [passkey] },
    { type: 'mfa_setup', mfa_module_id: 'passkey' },
  ],
  ['required and nothing to enrol: finished, and refused there', { identity }, { ...required, offered: [] }, { type: 'finish' }],
  [
    'enrolling takes longer than five minutes',
    { identity, mfa_module_id: 'totp' },
    { ...required, ...at(301) },
    { type: 'mfa_setup', mfa_module_id: 'totp' },
  ],
  [
    'too many wrong codes while enrolling',
    { identity, mfa_module_id: 'totp', mfa_attempts: 5 },
    required,
    { type: 'abort', reason: 'too_many_retry' },
  ],
  [
    'required at a provider without second factors: its form',
    { identity },
    { ...required, enrolled: [totp], support_mfa: false },
    { type: 'mfa', mfa_module_id: 'totp' },
  ],
  ['linking is never asked to enrol', { identity, flow_type: 'link_user' }, required, { type: 'finish' }],
])('%s', (_story, flow, differs, expected) => {
  expect(nextStep(aLoginFlow(flow), { ...facts, ...differs })).toEqual(expected);
});
