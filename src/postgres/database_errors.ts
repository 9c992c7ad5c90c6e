// Classifies PostgreSQL errors: retry, answer 503, discard the connection, or none of these.
import pg from 'pg';
import { AuthError } from '../domain/errors.ts';

/** SQLSTATEs (classes or whole codes) that mean the database cannot serve at the moment. */
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

/** SQLSTATEs after which a connection is unusable. */
const DEAD = ['08', '57P', '25006', '25P03'];

/** pg's own errors about lost connections have no code. */
const DEAD_WORDS = /^(Connection terminated|Query read timeout|timeout expired|Client (has encountered|was closed)|Cannot use a pool)/;

/** The 503 for a database error. */
export function databaseUnavailable(cause: unknown): AuthError {
  return new AuthError('unavailable', 'The database is not available', { retry_after: 1, cause, detail: messageOf(cause) });
}

/** Converts an error to `unavailable` if the database cannot serve; otherwise returns it. */
export function databaseError(error: unknown): unknown {
  return isConnectionLost(error) || matches(sqlState(error), UNAVAILABLE) ? databaseUnavailable(error) : error;
}

/** The connection is lost, silent, or to the wrong server. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return matches(error.code, DEAD);
  return isNetworkError(error) || (error instanceof Error && DEAD_WORDS.test(error.message));
}

/** Rolled back because of another transaction; a retry will succeed. */
export function isConflict(error: unknown): boolean {
  return matches(sqlState(error), ['40001', '40P01']);
}

/** A migration changed a table of a prepared `select *` or `returning *`. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '0A000' && error.routine === 'RevalidateCachedQuery';
}

/** The disk is full or not writable. */
export function isDiskFull(error: unknown): boolean {
  return matches(sqlState(error), ['53100', '58030']);
}

/**
 * Errors that the parameters of a single run can cause: data, constraints, or values that cannot be
 * sent.
 */
export function isCausedByParameters(error: unknown): boolean {
  return error instanceof pg.DatabaseError ? matches(error.code, ['22', '23', '42']) : !(error instanceof AuthError);
}

/**
 * The connection was refused at once, so nothing was sent and a retry is safe. Timeouts are not
 * retried.
 */
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

/** The SQLSTATE of an error, or of the cause of a 503. */
function sqlState(error: unknown): string | undefined {
  const cause = error instanceof AuthError ? error.cause : error;
  return cause instanceof pg.DatabaseError ? cause.code : undefined;
}

function matches(code: string | undefined, prefixes: string[]): boolean {
  return code !== undefined && prefixes.some((prefix) => code.startsWith(prefix));
}
