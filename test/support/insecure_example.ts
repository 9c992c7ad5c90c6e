// Home Assistant's example provider: its users and their passwords stand in the configuration. For tests only; it is never shipped.
import { z } from 'zod';
import type { AuthProviderType, CommonProviderConfig, ProviderStep } from '../../src/domain/auth_provider.ts';
import type { Field } from '../../src/domain/form.ts';
import { safeEqual } from '../../src/domain/secret.ts';

const FORM: Field[] = [
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
  create({ type, id, name = provider.default_name, users, new_users, default_groups, require_mfa }) {
    return {
      auth_provider_type: type,
      auth_provider_id: id ?? null,
      name,
      support_mfa: true,
      new_users,
      default_groups,
      require_mfa,
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
