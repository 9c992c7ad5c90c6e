// Limits the refusals that are stored as audit events: the first few per address and minute; the
// rest is counted.
import type { AuditEvent } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import { failureKey, parseAddress } from '../domain/network.ts';

/** Stored refusals per address and minute. */
export const RECORDED_PER_MINUTE = 20;

/** Tracked addresses per minute; further ones share a counter. */
const MAX_ADDRESSES = 10_000;
const MINUTE_MS = 60_000;

interface Tally {
  remote_address: string | null;
  kept: number;
  counted: number;
}

export interface RefusalQuota {
  /** Whether to store this refusal; otherwise it is counted. False without room. */
  admits(event: AuditEvent, has_room: boolean): boolean;
  /**
   * The counts of past minutes (`all`: and of the current one) as one event per address; each is
   * returned once.
   */
  takeCounts(all?: boolean): AuditEvent[];
}

export function createRefusalQuota({ clock }: { clock: Clock }): RefusalQuota {
  const tallies = new Map<string, Tally>();
  let minute = thisMinute();
  let counts: AuditEvent[] = [];

  function thisMinute(): number {
    return Math.floor(clock().getTime() / MINUTE_MS);
  }

  function close(): void {
    for (const { remote_address, counted } of tallies.values()) {
      if (counted > 0) counts.push(countEvent(remote_address, counted, minute));
    }
    tallies.clear();
    minute = thisMinute();
  }

  function tallyOf(remote_address: string | null): Tally {
    const key = remote_address !== null && parseAddress(remote_address) ? failureKey(remote_address) : '';
    const place = tallies.has(key) || tallies.size < MAX_ADDRESSES ? key : '';
    const tally = tallies.get(place) ?? { remote_address: place === '' ? null : remote_address, kept: 0, counted: 0 };
    tallies.set(place, tally);
    return tally;
  }

  return {
    admits(event, has_room) {
      if (thisMinute() !== minute) close();
      const tally = tallyOf(event.remote_address ?? null);
      const isKept = has_room && tally.kept < RECORDED_PER_MINUTE;
      if (isKept) tally.kept += 1;
      else tally.counted += 1;
      return isKept;
    },
    takeCounts(all = false) {
      if (all || thisMinute() !== minute) close();
      const taken = counts;
      counts = [];
      return taken;
    },
  };
}

function countEvent(remote_address: string | null, not_kept: number, minute: number): AuditEvent {
  const detail = { not_kept, minute: new Date(minute * MINUTE_MS).toISOString() };
  return { type: 'request.refused', outcome: 'refused', remote_address, detail };
}
