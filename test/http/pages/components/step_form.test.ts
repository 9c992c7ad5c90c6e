// How the fields of a login step are typed: the keyboard follows the kind of a field, not its name.
import { expect, it } from 'vitest';
import { homeAssistantFields } from '../../../../src/domain/form.ts';
import type { MfaModuleType } from '../../../../src/domain/mfa_module.ts';
import { mfaSetupPage } from '../../../../src/http/pages/account/mfa_setup_page.tsx';
import { chooseLanguage } from '../../../../src/http/pages/language.ts';
import { mfa_module as notify } from '../../../../src/mfa_modules/notify.ts';
import { mfa_module as recovery_codes } from '../../../../src/mfa_modules/recovery_codes.ts';
import { mfa_module as totp } from '../../../../src/mfa_modules/totp.ts';
import { made } from '../../../support/fakes/insecure_mfa.ts';

const page = (fields: Parameters<typeof mfaSetupPage>[0]['fields'], placeholders: Record<string, string> = {}) =>
  mfaSetupPage({
    language: chooseLanguage('en'),
    ...{
      stylesheet: '/s.css',
      script: '/passkey.js',
      codes_script: '/codes.js',
      module_name: 'X',
      action: '/x',
      csrf: 'c',
      flow_id: 'f',
      back: '/b',
    },
    ...{ fields, error: undefined, placeholders },
  });

// U3
it.each([
  ['TOTP', totp, true],
  ['a code by message', notify, true],
  ['a recovery code', recovery_codes, false],
] as const)('%s: a numeric keypad is asked for: %#', (_name, type, is_numeric) => {
  const { data_schema } = made(type as MfaModuleType);
  expect(page(data_schema).includes('inputmode="numeric"')).toBe(is_numeric);
  expect(JSON.stringify(homeAssistantFields(data_schema))).toBe('[{"type":"string","name":"code","required":true}]');
});

// U3
it('recovery codes can be downloaded without a script, and copied and printed with one that is no inline script', () => {
  const html = page([], { codes: 'aaaa-bbbb-cccc\ndddd-eeee-ffff' });
  expect(html).toContain('download="latchkey-recovery-codes.txt" href="data:text/plain;charset=utf-8,aaaa-bbbb-cccc%0Adddd-eeee-ffff%0A"');
  expect(html.match(/<script[^>]*>[^<]*/g)).toEqual(['<script src="/codes.js" defer>']);
  expect(html).not.toMatch(/ on\w+=/);
  expect(html.match(/<button type="button"[^>]*hidden/g)).toHaveLength(2);
  expect(page([])).not.toContain('<script');
});
