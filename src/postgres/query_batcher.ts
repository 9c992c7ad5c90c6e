// Batches calls to one prepared statement made in the same tick into one round trip: under load the
// round trip and the commit cost more than the work.
import { AuthError } from '../domain/errors.ts';
import { databaseUnavailable, isCausedByParameters, isConflict, isStalePlan } from './database_errors.ts';

/** Maximum calls per round trip; the rest starts on another connection. */
const MOST = 8;

export interface QueryBatcherDeps<Values, Row> {
  /**
   * The rows of each call, in order. Throws `unavailable` if they may have been committed, other
   * errors if not.
   */
  runAll(all: readonly Values[]): Promise<Row[][]>;
  runOne(values: Values): Promise<Row[]>;
  /** The order of calls that lock rows, which avoids deadlocks between batches. */
  order?: (values: Values) => string;
}

interface Waiting<Values, Row> {
  values: Values;
  resolve(rows: Row[]): void;
  reject(error: unknown): void;
}

/**
 * Runs the statement with these values. If the values of one call may have caused the failure, each
 * call is retried alone; after other errors (locks, full disk) all throw `unavailable`, since
 * retries would wait again on many connections.
 */
export function createQueryBatcher<Values, Row>({
  runAll,
  runOne,
  order,
}: QueryBatcherDeps<Values, Row>): (values: Values) => Promise<Row[]> {
  let waiting: Waiting<Values, Row>[] = [];

  async function send(batch: readonly Waiting<Values, Row>[]): Promise<void> {
    const values = batch.map((run) => run.values);
    try {
      const rows = await runAll(values).catch((error: unknown) => {
        if (isConflict(error)) return runAll(values);
        throw error;
      });
      for (const [index, { resolve }] of batch.entries()) resolve(rows[index] ?? []);
    } catch (error) {
      const alone = batch.length > 1 && isCausedByParameters(error);
      for (const run of batch) {
        if (alone || isStalePlan(error)) runOne(run.values).then(run.resolve, run.reject);
        else run.reject(error instanceof AuthError || isCausedByParameters(error) ? error : databaseUnavailable(error));
      }
    }
  }

  function sendAll(): void {
    const all = order ? sorted(waiting, ({ values }) => order(values)) : waiting;
    waiting = [];
    for (let sent = 0; sent < all.length; sent += MOST) void send(all.slice(sent, sent + MOST));
  }

  return (values) =>
    new Promise((resolve, reject) => {
      // Lets calls that arrived in the meantime join the batch.
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ values, resolve, reject });
    });
}

function sorted<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  if (items.length < 2) return [...items];
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ item }) => item);
}
