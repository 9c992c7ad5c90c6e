// What many requests ask of one statement in one turn of the event loop goes to the database together: under load the way there and back, and
// a commit, cost more than the work. Called by database.ts.
import { AuthError } from '../domain/errors.ts';
import { databaseUnavailable, isCausedByParameters, isConflict, isStalePlan } from './database_errors.ts';

/** Most runs of one round trip: a second connection starts on the rest, while we go on with what the first one answers. */
const MOST = 8;

export interface QueryBatcherDeps<Values, Row> {
  /** The rows of each, in that order. Throws `unavailable` when they may have happened, and anything else when they did not. */
  runAll(all: readonly Values[]): Promise<Row[][]>;
  runOne(values: Values): Promise<Row[]>;
  /** Where rows are locked: runs go by what this says of them, or two round trips might wait for each other. */
  order?: (values: Values) => string;
}

interface Waiting<Values, Row> {
  values: Values;
  resolve(rows: Row[]): void;
  reject(error: unknown): void;
}

/**
 * Runs the statement with these values. Nobody's mistake is another's: where the values of one may be why the database refuses all, each is run
 * alone. For anything else (a lock that is not given, a full disk) all are `unavailable`: alone, they would wait once more, on many connections.
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
      // Whatever else has arrived by now is read before this.
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ values, resolve, reject });
    });
}

function sorted<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  if (items.length < 2) return [...items];
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ item }) => item);
}
