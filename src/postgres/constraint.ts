// Which rule of the tables a refused statement broke, for the few races that only a constraint can decide.
import pg from 'pg';

/** Whether `error` is PostgreSQL's refusal in the name of that constraint or unique index. */
export function violatesConstraint(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.constraint === constraint;
}
