// Groups: three built-in ones and those of the configuration, which are synchronized at start.
// Read-only otherwise.
import type { Clock } from '../domain/clock.ts';
import { type Policy, SYSTEM_POLICIES } from '../domain/policy.ts';
import type { Database } from '../postgres/database.ts';
import { withMigrationLock } from '../postgres/migrations/migration_lock.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { Group, GroupRepository as GroupRows } from '../repository/groups.ts';

/** Display names (HA contract 2.2). */
const SYSTEM_NAMES: Readonly<Record<string, string>> = {
  'system-admin': 'Administrators',
  'system-users': 'Users',
  'system-read-only': 'Read Only',
};

const SYSTEM_GROUPS: readonly Group[] = Object.entries(SYSTEM_POLICIES).map(([id, policy]) => ({
  id,
  name: SYSTEM_NAMES[id] ?? id,
  policy,
  system_generated: true,
  managed_by: 'system',
}));

export interface GroupsDeps {
  database: Database;
  groups: Pick<GroupRows, 'list' | 'put' | 'disableOthers'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
}

/** A group of the configuration. */
export interface ConfiguredGroup {
  id: string;
  name: string;
  policy: Policy;
  /** Whether members need a second factor. */
  require_mfa?: boolean;
}

export type Groups = ReturnType<typeof createGroups>;

export function createGroups({ database, groups, audit, clock }: GroupsDeps) {
  return {
    list: groups.list,

    /**
     * Synchronizes the database with the configuration. Removed groups are disabled and keep their
     * members.
     */
    async reconcile(configured: readonly ConfiguredGroup[]): Promise<void> {
      const wanted = [
        ...SYSTEM_GROUPS,
        ...configured.map((group) => ({ ...group, system_generated: false, managed_by: 'config' as const })),
      ];
      await withMigrationLock(database, () =>
        database.transaction(async (trx) => {
          const written = await groups.put(trx, wanted, clock());
          const disabled = await groups.disableOthers(
            trx,
            configured.map(({ id }) => id),
          );
          if (written.length + disabled.length === 0) return;
          await audit.insert(trx, { type: 'group.reconciled', outcome: 'done', detail: { written, disabled } });
        }),
      );
    },
  };
}
