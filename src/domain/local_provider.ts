// The key of the local password provider, of which there is one. Its type is the name that Home
// Assistant's front-end expects.
import type { ProviderKey } from './auth_provider.ts';

export const LOCAL_PROVIDER = { auth_provider_type: 'homeassistant', auth_provider_id: null } as const satisfies ProviderKey;
