// The key of the provider that keeps passwords with us. There is one of its kind, and its type is the word Home Assistant's front-end knows.
import type { ProviderKey } from './auth_provider.ts';

export const LOCAL_PROVIDER = { auth_provider_type: 'homeassistant', auth_provider_id: null } as const satisfies ProviderKey;
