// A relay in front of PostgreSQL that counts round trips: Sync and Query messages of the wire
// protocol.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdminConnection } from '../fixtures/global_setup.ts';

export interface RoundTrips {
  /** Where clients connect instead. */
  connection: AdminConnection;
  /** The statements sent since the last call, one list for each round trip. */
  take(): string[][];
  close(): Promise<void>;
}

const SYNC = 'S';
const QUERY = 'Q';
const PARSE = 'P';
const BIND = 'B';

export async function countRoundTrips(connection: AdminConnection): Promise<RoundTrips> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-relay-'));
  const port = 5432;
  let trips: string[][] = [];
  const sockets = new Set<Socket>();

  function watch(client: Socket): void {
    const upstream = connection.host.startsWith('/')
      ? dial({ path: `${connection.host}/.s.PGSQL.${connection.port}` })
      : dial({ host: connection.host, port: connection.port });
    const reader = messageReader();
    let statements: string[] = [];
    client.on('data', (bytes) => {
      for (const { type, body } of reader(bytes)) {
        if (type === PARSE) statements.push(textsOf(body)[1] ?? '');
        // A bound statement of an earlier Parse is known by its name.
        if (type === BIND && textsOf(body)[1] !== '') statements.push(textsOf(body)[1] ?? '');
        if (type === QUERY) statements.push(textsOf(body)[0] ?? '');
        if (type !== SYNC && type !== QUERY) continue;
        trips.push(statements);
        statements = [];
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => client.write(bytes));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }

  const server = createServer(watch).listen(join(folder, `.s.PGSQL.${port}`));
  await once(server, 'listening');
  return {
    connection: { ...connection, host: folder, port },
    take() {
      const taken = trips;
      trips = [];
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Splits a client's bytes into messages; the startup message has no type. */
function messageReader() {
  let rest = Buffer.alloc(0);
  let started = false;
  return (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    const messages: { type: string; body: Buffer }[] = [];
    for (;;) {
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return messages;
      const end = head + rest.readInt32BE(head);
      if (rest.length < end) return messages;
      if (started) messages.push({ type: rest.toString('latin1', 0, 1), body: rest.subarray(head + 4, end) });
      started = true;
      rest = rest.subarray(end);
    }
  };
}

/** The NUL-terminated texts at the start of a message. */
function textsOf(body: Buffer): string[] {
  return body.toString('utf8').split('\0', 2);
}
