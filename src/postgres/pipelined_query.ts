// One statement, run many times in one round trip and one transaction: in PostgreSQL's extended query protocol a Bind and an Execute for each
// may come before the Sync that ends them all. Written as pg asks of queries that are not its own. Called by pool.ts.
import pg from 'pg';

/** A statement: with a name, the connection knows it after the first time. */
export interface SqlStatement {
  name?: string;
  text: string;
}

type Row = Record<string, unknown>;

/** What pg's types leave out. */
interface Connection {
  stream: { cork(): void; uncork(): void };
  parsedStatements: Record<string, string>;
  parse(statement: { text: string; name: string }): void;
  bind(values: { statement: string; values: unknown[] }): void;
  describe(portal: { type: 'P'; name: string }): void;
  execute(): void;
  sync(): void;
}

interface RowReader {
  addFields(fields: unknown): void;
  parseRow(fields: unknown): Row;
}

const { Result, utils } = pg as unknown as {
  Result: new (rowMode: undefined, types: pg.PoolClient) => RowReader;
  utils: { prepareValue(value: unknown): unknown };
};

/** How the rows of a named statement are read: told on each connection by the first run that the database takes. */
const readers = new WeakMap<Connection, Map<string, RowReader>>();

/** The rows of each run, in the order of `runs`: all of them happened, or none. Rejects as `client.query` does. */
export function runPipelined(
  client: pg.PoolClient,
  { name = '', text }: SqlStatement,
  runs: readonly unknown[][],
  query_timeout: number,
): Promise<Row[][]> {
  // Before anything is sent: what cannot be written must not leave half of it behind.
  const bound = runs.map((values) => values.map((value) => utils.prepareValue(value)));
  const rows = runs.map((): Row[] => []);
  let done = 0;
  let known: Map<string, RowReader>;
  let reader: RowReader | undefined;

  return new Promise((resolve, reject) => {
    const query = {
      name,
      text,
      query_timeout,
      /** pg puts one of its own around this, which ends the wait. */
      callback: (error: Error | null) => (error ? reject(error) : resolve(rows)),
      submit(connection: Connection) {
        known = readers.get(connection) ?? new Map<string, RowReader>();
        readers.set(connection, known);
        reader = known.get(name);
        connection.stream.cork();
        if (name === '' || connection.parsedStatements[name] === undefined) connection.parse({ name, text });
        for (const [index, values] of bound.entries()) {
          connection.bind({ statement: name, values });
          if (index === 0 && !reader) connection.describe({ type: 'P', name: '' });
          connection.execute();
        }
        connection.sync();
        connection.stream.uncork();
      },
      handleRowDescription({ fields }: { fields: unknown }) {
        reader = new Result(undefined, client);
        reader.addFields(fields);
        if (name !== '') known.set(name, reader);
      },
      handleDataRow: ({ fields }: { fields: unknown }) => {
        if (reader) rows[done]?.push(reader.parseRow(fields));
      },
      handleCommandComplete: () => {
        done += 1;
      },
      handleError: (error: Error) => query.callback(error),
      handleReadyForQuery: () => query.callback(null),
    };
    client.query(query as unknown as pg.Submittable);
  });
}
