// The clock is a dependency, so that tests can set it and a server can follow its database.

/** Returns the current time. */
export type Clock = () => Date;

/** Adds seconds, which may be fractional or negative. */
export function addSeconds(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}

/** Whole seconds since the epoch: a JWT NumericDate (RFC 7519 section 2). */
export function epochSeconds(now: Date): number {
  return Math.floor(now.getTime() / 1000);
}
