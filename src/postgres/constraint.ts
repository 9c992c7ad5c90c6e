// Recognizes violations of a constraint, for races that only a constraint decides.
import pg from 'pg';

/** Whether `error` is a violation of that constraint or unique index. */
export function violatesConstraint(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.constraint === constraint;
}
