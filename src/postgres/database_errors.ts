// What PostgreSQL's refusals mean: try again at once, answer 503, give the connection up, or none of these.
import pg from 'pg';
import { AuthError } from '../domain/errors.ts';

/** SQLSTATEs (a class or a whole code) under which the database cannot serve for now, whatever was asked. */
const UNAVAILABLE = [
  '08', // connection exceptions
  '53', // disk full, out of memory, too many connections
  '57P', // shutting down, crashed, starting up, backend terminated
  '57014', // statement_timeout
  '55P03', // lock_timeout
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read-only: a standby, or an operator's switch
  '40001', // still in conflict after the retry
  '40P01',
];

/** A connection that said one of these is of no further use. */
const DEAD = ['08', '57P', '25006', '25P03'];

/** pg's own complaints about a dead or silent peer carry no code. */
const DEAD_WORDS = /^(Connection terminated|Query read timeout|timeout expired|Client (has encountered|was closed)|Cannot use a pool)/;

/** The 503 that stands for `cause`. */
export function databaseUnavailable(cause: unknown): AuthError {
  return new AuthError('unavailable', 'The database is not available', { retry_after: 1, cause, detail: messageOf(cause) });
}

/** `error` as the rest of the program sees it: `unavailable`, or itself. */
export function databaseError(error: unknown): unknown {
  return isConnectionLost(error) || matches(sqlState(error), UNAVAILABLE) ? databaseUnavailable(error) : error;
}

/** The connection is lost, silent, or leads to the wrong server. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return matches(error.code, DEAD);
  return isNetworkError(error) || (error instanceof Error && DEAD_WORDS.test(error.message));
}

/** Rolled back because of another transaction: the same again will succeed. */
export function isConflict(error: unknown): boolean {
  return matches(sqlState(error), ['40001', '40P01']);
}

/** A migration changed a table under a prepared `select *` or `returning *`. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '0A000' && error.routine === 'RevalidateCachedQuery';
}

/** The disk is full, or cannot be written. */
export function isDiskFull(error: unknown): boolean {
  return matches(sqlState(error), ['53100', '58030']);
}

/** What the values of one run of a statement can cause, by SQLSTATE: data, a constraint, or what the statement says; or they could not be sent. */
export function isCausedByParameters(error: unknown): boolean {
  return error instanceof pg.DatabaseError ? matches(error.code, ['22', '23', '42']) : !(error instanceof AuthError);
}

/** No connection was made, and at once: nothing was sent, so trying again is safe. Waiting in vain is not tried twice. */
export function refusesConnection(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return matches(error.code, ['57P', '53300']);
  return isNetworkError(error);
}

/** A name with several addresses fails with one error for each. */
function isNetworkError(error: unknown): boolean {
  return error instanceof AggregateError || (error instanceof Error && 'syscall' in error);
}

function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join(', ');
  return cause instanceof Error ? cause.message : String(cause);
}

/** The SQLSTATE of an error, also of one already turned into a 503. */
function sqlState(error: unknown): string | undefined {
  const cause = error instanceof AuthError ? error.cause : error;
  return cause instanceof pg.DatabaseError ? cause.code : undefined;
}

function matches(code: string | undefined, prefixes: string[]): boolean {
  return code !== undefined && prefixes.some((prefix) => code.startsWith(prefix));
}
