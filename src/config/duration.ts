// Durations as written by operators (`30m`, `12h`, `90d`, `never`), read as seconds or null.

import { z } from 'zod';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A duration within bounds, in seconds. */
export function duration(shortest: string, longest: string) {
  const error = `must be a duration from ${shortest} to ${longest}, such as 30s, 10m, 12h or 90d`;
  return z.string({ error }).transform((text, context) => {
    const seconds = secondsWithin(text, shortest, longest);
    if (seconds === undefined) context.addIssue({ code: 'custom', message: error });
    return seconds ?? z.NEVER;
  });
}

/** A duration within bounds or `never`, in seconds or null. */
export function lifetime(shortest: string, longest: string) {
  const error = `must be a duration from ${shortest} to ${longest}, such as 12h or 90d, or never`;
  return z.string({ error }).transform((text, context) => {
    if (text === 'never') return null;
    const seconds = secondsWithin(text, shortest, longest);
    if (seconds === undefined) context.addIssue({ code: 'custom', message: error });
    return seconds ?? z.NEVER;
  });
}

function secondsWithin(text: string, shortest: string, longest: string): number | undefined {
  const seconds = readSeconds(text);
  const [least = 0, most = 0] = [readSeconds(shortest), readSeconds(longest)];
  return seconds !== undefined && seconds >= least && seconds <= most ? seconds : undefined;
}

function readSeconds(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  return count && unit ? Number(count) * (UNITS[unit] ?? Number.NaN) : undefined;
}
