// A provider whose answer a test decides: everybody who answers its form is who the test says.
import { z } from 'zod';
import { type AuthProviderType, configuredProvider, type Identity, type ProviderStep } from '../../../src/domain/auth_provider.ts';

const FORM: ProviderStep = {
  type: 'form',
  step_id: 'init',
  data_schema: [
    { type: 'string', name: 'username' },
    { type: 'string', name: 'password' },
  ],
  errors: null,
};

/** A type of its own for each test file; `says` is what it finds out from then on. */
export function speaking(): { type: AuthProviderType; says(identity: Identity): void } {
  let identity: Identity | undefined;
  const type: AuthProviderType = {
    type: 'speaking',
    default_name: 'Speaking',
    config: z.object({}),
    create: (block) => ({
      ...configuredProvider(block, type.default_name),
      support_mfa: true,
      refusal: () => null,
      step: async ({ values }) => (values && identity ? { type: 'identity', identity } : FORM),
    }),
  };
  return {
    type,
    says(said) {
      identity = said;
    },
  };
}
