// Synchronizes the memberships managed by a provider's group mapping at each login; others stay.
// The owner is never changed.
import { type AuthProvider, type Identity, providerKeyText } from '../domain/auth_provider.ts';
import { managedGroups, mappedGroups } from '../domain/group_mapping.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { GroupRepository } from '../repository/groups.ts';

export interface SyncGroupsDeps {
  database: Pick<Database, 'transaction'>;
  groups: Pick<GroupRepository, 'syncGroups'>;
  audit: Pick<AuditEvents, 'insert'>;
}

export type SyncGroups = ReturnType<typeof createSyncGroups>;

export function createSyncGroups({ database, groups, audit }: SyncGroupsDeps) {
  /** Does nothing unless the provider syncs groups and reported some. */
  return async (provider: AuthProvider, identity: Identity, user_id: string, remote_address: string): Promise<void> => {
    const managed = managedGroups(provider);
    if (!provider.sync_groups || !identity.groups || managed.length === 0) return;
    const wanted = mappedGroups(provider, identity);
    await database.transaction(async (trx) => {
      const { joined, left } = await groups.syncGroups(trx, user_id, { managed, wanted });
      if (joined.length === 0 && left.length === 0) return;
      const detail = { auth_provider: providerKeyText(provider), joined, left };
      const who = { actor_user_id: user_id, target_user_id: user_id, remote_address };
      await audit.insert(trx, { type: 'user.updated', outcome: 'done', ...who, detail });
    });
  };
}
