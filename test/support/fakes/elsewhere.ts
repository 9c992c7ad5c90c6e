// A provider whose only step leads elsewhere: anyone who comes back with `who` is that person.
import { z } from 'zod';
import { type AuthProviderType, configuredProvider } from '../../../src/domain/auth_provider.ts';
import { newExternalState } from '../../../src/domain/external_state.ts';

export const elsewhere = elsewhereAt('https://elsewhere.example.com/');

/** `place`: the address that people are sent to, with `state` and `back` in its query. */
export function elsewhereAt(place: string): AuthProviderType {
  return {
    type: 'elsewhere',
    default_name: 'Elsewhere',
    config: z.object({}),
    create: (block) => ({
      ...configuredProvider(block, 'Elsewhere'),
      support_mfa: true,
      external: true,
      refusal: () => null,
      async step({ values, state, context }) {
        if (values?.who !== undefined)
          return { type: 'identity', identity: { subject: values.who, data: {}, name: values.who, amr: ['pwd'] } };
        if (values) return { type: 'abort', reason: 'access_denied' };
        const known = typeof state.state === 'string' ? state.state : newExternalState(context.flow_id);
        const url = `${place}?${new URLSearchParams({ state: known, back: context.callback_url })}`;
        return { type: 'external', step_id: 'external', url, state: { state: known } };
      },
    }),
  };
}

/** Where a person who was sent there comes back to, as a path of this server. */
export function backFrom(location: string, values: Record<string, string>): string {
  const { searchParams } = new URL(location);
  const { pathname } = new URL(searchParams.get('back') ?? '');
  return `${pathname}?${new URLSearchParams({ state: searchParams.get('state') ?? '', ...values })}`;
}
