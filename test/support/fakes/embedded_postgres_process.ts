// A process that owns an embedded PostgreSQL, to be killed or interrupted from outside: `tsx
// embedded_postgres_process.ts DATA_DIR`. Prints `ready`; on SIGINT it still asks the database
// something, prints the answer, stops it and ends.
import pg from 'pg';
import { startEmbeddedPostgres } from '../../../src/postgres/embedded/embedded_postgres.ts';

const [, , data_dir = ''] = process.argv;
const server = await startEmbeddedPostgres({ data_dir, log: () => {}, settings: { fsync: 'off' } });

process.once('SIGINT', async () => {
  const client = new pg.Client(server.connection);
  await client.connect();
  const { rows } = await client.query('SELECT current_user AS name');
  await client.end();
  await server.stop();
  console.log(`stopped by ${rows[0].name}`);
});
console.log('ready');
