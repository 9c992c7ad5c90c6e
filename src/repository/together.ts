// What many requests ask of one statement in one turn of the event loop goes to the database together: under load the way there and back, and
// a commit, cost more than the work. Called by database.ts.
import { AuthError } from '../domain/errors.ts';

/** Most runs of one round trip: a second connection starts on the rest, while we go on with what the first one answers. */
const MOST = 8;

export interface TogetherDeps<Values, Row> {
  /** The rows of each, in that order; whatever it throws but an AuthError, nothing happened. */
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

/** Runs the statement with these values. Nobody's mistake is another's: where the database refuses them together, each is run alone. */
export function together<Values, Row>({ runAll, runOne, order }: TogetherDeps<Values, Row>): (values: Values) => Promise<Row[]> {
  let waiting: Waiting<Values, Row>[] = [];

  async function send(batch: readonly Waiting<Values, Row>[]): Promise<void> {
    try {
      const rows = await runAll(batch.map(({ values }) => values));
      for (const [index, { resolve }] of batch.entries()) resolve(rows[index] ?? []);
    } catch (error) {
      for (const { values, resolve, reject } of batch) {
        if (error instanceof AuthError) reject(error);
        else runOne(values).then(resolve, reject);
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
