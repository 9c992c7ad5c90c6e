import { expect, test } from 'vitest';
import { createAdmission } from '../../src/tokens/admission.ts';
import { ABROAD, HOME, providerThat } from '../support/fixtures/grants.ts';

const admission = createAdmission([
  providerThat(() => null),
  providerThat(() => null, 'ldap', 'office'),
  providerThat((address) => (address === HOME ? null : 'Not in trusted_networks'), 'trusted_networks'),
]);

function key(auth_provider_type: string, auth_provider_id: string | null = null) {
  return { auth_provider_type, auth_provider_id };
}

test('the providers that let people in from an address are named', () => {
  expect(admission(HOME).providers).toEqual(['homeassistant:', 'ldap:office', 'trusted_networks:']);
  expect(admission(ABROAD).providers).toEqual(['homeassistant:', 'ldap:office']);
});

test('a refusal says why in the provider’s own words', () => {
  expect(admission(ABROAD).refusal(key('trusted_networks'))).toBe('Not in trusted_networks');
});

test('a provider that is not configured lets nobody in', () => {
  for (const gone of [key('oidc'), key('ldap'), key('ldap', 'home')]) {
    expect(admission(HOME).refusal(gone)).toBe('Auth provider is not configured');
  }
});
