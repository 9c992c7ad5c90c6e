// The audit log as administrators read it: each event in words, filtered, newest first.
import { AUDIT_EVENT_TEXTS } from '../domain/audit_event_texts.ts';
import type { Page, PageRequest } from '../domain/pagination.ts';
import type { AuditEvents, AuditFilter, ListedAuditEvent } from '../repository/audit_events.ts';

export interface ActivityDeps {
  audit: Pick<AuditEvents, 'list'>;
}

export interface ActivityItem extends ListedAuditEvent {
  /** What happened, in words. */
  text: string;
}

export type Activity = ReturnType<typeof createActivity>;

export function createActivity({ audit }: ActivityDeps) {
  return {
    /** Newest first. Throws `invalid_format` for an invalid cursor. */
    async list(request: PageRequest & AuditFilter): Promise<Page<ActivityItem>> {
      const { items, next_cursor } = await audit.list(request);
      return { items: items.map((event) => ({ ...event, text: AUDIT_EVENT_TEXTS[event.type] ?? event.type })), next_cursor };
    },
  };
}
