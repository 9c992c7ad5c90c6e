// Runs one statement many times in one round trip and one transaction: PostgreSQL's extended query
// protocol allows several Bind and Execute messages before a Sync. Implements pg's interface for
// custom queries.
import pg from 'pg';

/** A statement; a named one is parsed once per connection. */
export interface SqlStatement {
  name?: string;
  text: string;
}

type Row = Record<string, unknown>;

/** Members that pg's types omit. */
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

/**
 * How the rows of a named statement are parsed, per connection; known after its first successful
 * run.
 */
const readers = new WeakMap<Connection, Map<string, RowReader>>();

/**
 * The rows of each run in the order of `runs`; all succeed or none does. Rejects like
 * `client.query`.
 */
export function runPipelined(
  client: pg.PoolClient,
  { name = '', text }: SqlStatement,
  runs: readonly unknown[][],
  query_timeout: number,
): Promise<Row[][]> {
  // Encoded before anything is sent: a value that cannot be encoded must not leave a partial
  // message.
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
      /** pg wraps this callback to end the wait. */
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
