// What callers are told of themselves (HA contract 11.3, auth/current_user).
import type { Credentials } from '../repository/credentials.ts';
import type { Caller } from '../tokens/bearer.ts';
import type { Mfa } from './mfa.ts';

export interface MeDeps {
  credentials: Pick<Credentials, 'ofUser'>;
  mfa: Pick<Mfa, 'list'>;
}

export type Me = ReturnType<typeof createMe>;

export function createMe({ credentials, mfa }: MeDeps) {
  return {
    async get({ user: { id, name, is_owner }, is_admin }: Caller) {
      const [linked, { modules }] = await Promise.all([credentials.ofUser(id), mfa.list(id)]);
      return {
        id,
        name,
        is_owner,
        is_admin,
        credentials: linked.map(({ auth_provider_type, auth_provider_id }) => ({ auth_provider_type, auth_provider_id })),
        mfa_modules: modules.map((module) => ({ id: module.id, name: module.name, enabled: module.enabled })),
      };
    },
  };
}
