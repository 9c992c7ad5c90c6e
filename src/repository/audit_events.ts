// The table `audit_events`. State changes write their event in their own transaction (`insert`) or
// at once (`record`); refusals go through a bounded buffer, so that attackers can neither fill the
// table nor slow requests. Buffered events survive a database outage.
import { type Kysely, sql } from 'kysely';
import type { Audit, AuditEvent, AuditEventType } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { JsonValue } from '../domain/json.ts';
import { buildPage, type Page, type PageCursor, type PageRequest, pageSize, readCursor } from '../domain/pagination.ts';
import { cleanText } from '../domain/text.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { createRefusalQuota } from './refusal_quota.ts';

const FLUSH_AFTER_MS = 100;
const RETRY_AFTER_MS = 1_000;
const COUNT_EVERY_MS = 60_000;
const BATCH = 500;
const MAX_WAITING_REFUSALS = 1_000;
const MAX_WAITING = 10_000;
const MAX_TEXT = 500;

/** A stored event. */
export interface KeptAuditEvent extends Required<AuditEvent> {
  id: number;
  at: Date;
}

/** An event with the current names of its people and app. */
export interface ListedAuditEvent extends KeptAuditEvent {
  actor_name: string | null;
  target_name: string | null;
  client_name: string | null;
}

/** Absent: any. */
export interface AuditFilter {
  /** Who did it, or to whom it was done. */
  user_id?: string | undefined;
  client_id?: string | undefined;
  type?: AuditEventType | undefined;
  outcome?: AuditEvent['outcome'] | undefined;
  remote_address?: string | undefined;
  error_ref?: string | undefined;
  /** Inclusive. */
  since?: Date | undefined;
  /** Exclusive. */
  until?: Date | undefined;
}

export interface AuditEvents extends Audit {
  /** Writes events in the transaction that they describe. */
  insert(trx: Kysely<Schema>, ...events: AuditEvent[]): Promise<void>;
  /** Resolves when everything recorded so far is written. Throws if the database refuses it. */
  flush(): Promise<void>;
  /** The events of a reference, oldest first. Empty: unknown, expired, or only counted. */
  find(error_ref: string): Promise<KeptAuditEvent[]>;
  /** Newest first. */
  list(request: PageRequest & AuditFilter): Promise<Page<ListedAuditEvent>>;
  /** Writes the remaining events and counts; nothing is recorded afterwards. */
  close(): Promise<void>;
}

export interface AuditEventsDeps {
  database: Pick<Database, 'kysely'>;
  clock: Clock;
  /** Called for events that could not be written (yet). */
  on_error: (error: unknown) => void;
}

export function createAuditEvents({ database: { kysely }, clock, on_error }: AuditEventsDeps): AuditEvents {
  const quota = createRefusalQuota({ clock });
  const waiting: Row[] = [];
  const counting = setInterval(() => flushSoon(0), COUNT_EVERY_MS).unref();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let closed = false;

  async function writeAll(): Promise<void> {
    for (const event of quota.takeCounts(closed)) waiting.push(rowOf(event, clock()));
    for (let batch = waiting.splice(0, BATCH); batch.length > 0; batch = waiting.splice(0, BATCH)) {
      try {
        await kysely.insertInto('audit_events').values(batch).execute();
      } catch (error) {
        // Other errors concern these rows and would recur.
        if (error instanceof AuthError) waiting.unshift(...batch);
        throw error;
      }
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  function flushSoon(after_ms: number): void {
    timer ??= setTimeout(() => {
      flush().catch((error) => {
        on_error(error);
        if (!closed) flushSoon(RETRY_AFTER_MS);
      });
    }, after_ms).unref();
  }

  return {
    record(event) {
      if (closed) return;
      if (event.outcome === 'refused' && !quota.admits(event, waiting.length < MAX_WAITING_REFUSALS)) return;
      if (waiting.length >= MAX_WAITING) return on_error(new Error(`An audit event was lost: ${event.type}`));
      waiting.push(rowOf(event, clock()));
      flushSoon(FLUSH_AFTER_MS);
    },
    async insert(trx, ...events) {
      const rows = events.map((event) => rowOf(event, clock()));
      for (let at = 0; at < rows.length; at += BATCH)
        await trx
          .insertInto('audit_events')
          .values(rows.slice(at, at + BATCH))
          .execute();
    },
    flush,
    find: (error_ref) => selectEvents(kysely).where('error_ref', '=', error_ref).orderBy('id').limit(50).execute(),
    async list(request) {
      const rows = await listQuery(kysely, request).execute();
      const positions = rows.map(({ at, id }) => ({ created_at: at, id: String(id) }));
      const { items, next_cursor } = buildPage(positions, request);
      return { items: rows.slice(0, items.length), next_cursor };
    },
    async close() {
      closed = true;
      clearInterval(counting);
      await writing?.catch(() => {});
      await flush();
    },
  };
}

type Row = ReturnType<typeof rowOf>;

/**
 * Untrusted texts are truncated and cleaned: one that cannot be stored would fail its whole batch.
 */
function rowOf({ type, outcome, detail = {}, ...ids }: AuditEvent, at: Date) {
  const text = (value: string | null | undefined) => (value ? cleanText(value, MAX_TEXT) : null);
  return {
    at,
    type,
    outcome,
    error_ref: text(ids.error_ref),
    actor_user_id: text(ids.actor_user_id),
    target_user_id: text(ids.target_user_id),
    client_id: text(ids.client_id),
    remote_address: text(ids.remote_address),
    detail: JSON.stringify(detail, (_, value: JsonValue) => (typeof value === 'string' ? cleanText(value, MAX_TEXT) : value)),
  };
}

function selectEvents(kysely: Kysely<Schema>) {
  return kysely.selectFrom('audit_events').selectAll().$narrowType<{ type: AuditEventType }>();
}

/** A page and one more; every filter has an index in the order of the list. */
export function listQuery(kysely: Kysely<Schema>, request: PageRequest & AuditFilter) {
  const before = readPosition(request.cursor);
  const limit = pageSize(request) + 1;
  const matching = (person?: 'actor_user_id' | 'target_user_id') => {
    let query = kysely.selectFrom('audit_events as e').orderBy('e.at', 'desc').orderBy('e.id', 'desc').limit(limit);
    if (person && request.user_id !== undefined) query = query.where(`e.${person}`, '=', request.user_id);
    for (const column of ['client_id', 'type', 'remote_address', 'error_ref'] as const)
      if (request[column] !== undefined) query = query.where(`e.${column}`, '=', request[column]);
    // A literal, so that the partial index of refusals applies.
    if (request.outcome !== undefined) query = query.where('e.outcome', '=', sql.lit(request.outcome));
    if (request.since) query = query.where('e.at', '>=', request.since);
    if (request.until) query = query.where('e.at', '<', request.until);
    return before ? query.where(({ eb, refTuple, tuple }) => eb(refTuple('e.at', 'e.id'), '<', tuple(before.at, before.id))) : query;
  };
  const side = (person: 'actor_user_id' | 'target_user_id') => kysely.selectFrom(matching(person).selectAll().as('e')).selectAll();
  const found = request.user_id === undefined ? matching().selectAll() : side('actor_user_id').union(side('target_user_id'));
  return kysely
    .selectFrom(found.as('e'))
    .leftJoin('users as actor', 'actor.id', 'e.actor_user_id')
    .leftJoin('users as target', 'target.id', 'e.target_user_id')
    .leftJoin('clients as k', 'k.client_id', 'e.client_id')
    .selectAll('e')
    .select(['actor.name as actor_name', 'target.name as target_name', 'k.client_name'])
    .orderBy('e.at', 'desc')
    .orderBy('e.id', 'desc')
    .limit(limit)
    .$narrowType<{ type: AuditEventType }>();
}

function readPosition(cursor: string | null): { at: Date; id: number } | null {
  const position: PageCursor | null = readCursor(cursor);
  if (position === null) return null;
  const id = Number(position.id);
  if (!Number.isSafeInteger(id)) throw new AuthError('invalid_format', 'Invalid cursor');
  return { at: position.created_at, id };
}
