// Time as a part that is handed in, so that a test can set it and a server can anchor it to its database.

/** Answers the current time. Everything that decides by time asks one of these. */
export type Clock = () => Date;

/** `now` moved by whole or broken seconds; negative moves back. */
export function addSeconds(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}

/** Whole seconds since the epoch: the JWT NumericDate (RFC 7519 section 2). */
export function epochSeconds(now: Date): number {
  return Math.floor(now.getTime() / 1000);
}
