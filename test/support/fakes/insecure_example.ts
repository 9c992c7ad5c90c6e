// Home Assistant's example provider: its users and their passwords stand in the configuration. For
// tests only; it is never shipped.
import { z } from 'zod';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type ProviderStep,
} from '../../../src/domain/auth_provider.ts';
import type { FormField } from '../../../src/domain/form.ts';
import { safeEqual } from '../../../src/domain/secret.ts';

const FORM: FormField[] = [
  { type: 'string', name: 'username', required: true },
  { type: 'string', name: 'password', required: true },
];

const config = z.object({
  users: z.array(z.strictObject({ username: z.string(), password: z.string(), name: z.string().optional() })),
});

export const provider: AuthProviderType<CommonProviderConfig & z.infer<typeof config>> = {
  type: 'insecure_example',
  default_name: 'Unnamed auth provider',
  config,
  create({ users, ...common }) {
    return {
      ...configuredProvider(common, provider.default_name),
      support_mfa: true,
      refusal: () => null,
      async step({ values, context }) {
        if (!values) return form(null);
        const { username = '', password = '' } = values;
        // Exact in both: no name is normalised here.
        const user = users.find((candidate) => candidate.username === username);
        const ok = await context.attempt(username, async () => user !== undefined && safeEqual(user.password, password));
        if (!ok) return form({ base: 'invalid_auth' });
        return { type: 'identity', identity: { subject: username, data: { username }, name: user?.name ?? null, amr: ['pwd'] } };
      },
    };
  },
};

function form(errors: { base: 'invalid_auth' } | null): ProviderStep {
  return { type: 'form', step_id: 'init', data_schema: FORM, errors };
}
