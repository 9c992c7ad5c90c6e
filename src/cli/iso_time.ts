// Reads a time of an option.
import { z } from 'zod';
import { usageError } from './exit.ts';

const isoTime = z.iso.datetime({ offset: true });

/** Throws a usage error for a time without its zone. */
export function readTime(text: string): Date {
  const time = isoTime.safeParse(text);
  if (!time.success) throw usageError(`"${text}" must be a time with its zone, such as 2026-03-14T09:26:53Z`);
  return new Date(time.data);
}
