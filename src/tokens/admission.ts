// Determines which providers accept an address: once per request, before the statement that needs
// it.
import { type AuthProvider, type ProviderKey, providerKeyText } from '../domain/auth_provider.ts';
import type { PasswordlessAccess } from '../domain/token.ts';

export type AdmissionChecks = (remote_address: string) => PasswordlessAccess;

/** A provider that is no longer configured accepts nobody (HA contract 8.4). */
export function createAdmission(providers: Iterable<AuthProvider>): AdmissionChecks {
  const all = new Map(Array.from(providers, (provider) => [providerKeyText(provider), provider]));
  const names = [...all.keys()];

  return (remote_address) => {
    const refusing = names.filter((name) => all.get(name)?.refusal(remote_address) !== null);
    return {
      providers: refusing.length === 0 ? names : names.filter((name) => !refusing.includes(name)),
      refusal(key: ProviderKey) {
        const provider = all.get(providerKeyText(key));
        return provider ? (provider.refusal(remote_address) ?? 'Not allowed') : 'Auth provider is not configured';
      },
    };
  };
}
