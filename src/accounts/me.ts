// What callers are told of themselves (HA contract 11.3, auth/current_user).
import type { Credentials } from '../repository/credentials.ts';
import type { Caller } from '../tokens/bearer.ts';

export interface MeDeps {
  credentials: Pick<Credentials, 'ofUser'>;
  mfa_modules: readonly { id: string; name: string }[];
}

export type Me = ReturnType<typeof createMe>;

export function createMe({ credentials, mfa_modules }: MeDeps) {
  return {
    async get({ user: { id, name, is_owner }, is_admin }: Caller) {
      const linked = await credentials.ofUser(id);
      return {
        id,
        name,
        is_owner,
        is_admin,
        credentials: linked.map(({ auth_provider_type, auth_provider_id }) => ({ auth_provider_type, auth_provider_id })),
        mfa_modules: mfa_modules.map((module) => ({ id: module.id, name: module.name, enabled: false })),
      };
    },
  };
}
