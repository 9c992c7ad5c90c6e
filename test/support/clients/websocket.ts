// A client of the WebSocket API that sends what a test says and keeps what it receives.
import { once } from 'node:events';
import { WebSocket } from 'undici';
import type { TestServer } from '../fixtures/server.ts';

type Message = ReturnType<JSON['parse']>;

export interface Socket {
  /** The next message; rejects if the connection is closed first. */
  next(): Promise<Message>;
  send(message: unknown): void;
  sendRaw(data: string | Uint8Array): void;
  /** Sends a command with the next id; answers the whole result. */
  command(type: string, fields?: object): Promise<Message>;
  /** The close code. */
  closed: Promise<number>;
  close(): void;
}

/** Opens a connection; the first message is still to be read. Rejects if the handshake fails. */
export async function openSocket(server: TestServer, headers: Record<string, string> = {}): Promise<Socket> {
  const url = (await server.origin()).replace('http', 'ws');
  const socket = new WebSocket(`${url}/api/websocket`, { headers });
  const received: Message[] = [];
  const waiting: { resolve(message: Message): void; reject(error: Error): void }[] = [];
  let is_closed = false;
  let last_id = 0;
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    const first = waiting.shift();
    if (first) first.resolve(message);
    else received.push(message);
  });
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener('close', ({ code }) => {
      is_closed = true;
      for (const { reject } of waiting) reject(new Error(`closed: ${code}`));
      resolve(code);
    });
  });
  socket.addEventListener('error', () => {});
  if ((await Promise.race([once(socket, 'open').then(() => true), closed.then(() => false)])) === false) throw new Error('no handshake');
  const next = () => {
    const message = received.shift();
    if (message) return Promise.resolve(message);
    if (is_closed) return Promise.reject(new Error('closed'));
    return new Promise<Message>((resolve, reject) => void waiting.push({ resolve, reject }));
  };
  const send = (message: unknown) => socket.send(JSON.stringify(message));
  return {
    next,
    send,
    sendRaw: (data) => socket.send(data),
    async command(type, fields = {}) {
      last_id += 1;
      send({ id: last_id, type, ...fields });
      return await next();
    },
    closed,
    close: () => socket.close(),
  };
}

/** A connection authenticated with an access token. */
export async function authenticatedSocket(server: TestServer, access_token: string, headers?: Record<string, string>): Promise<Socket> {
  const socket = await openSocket(server, headers);
  await socket.next();
  socket.send({ type: 'auth', access_token });
  const answer = await socket.next();
  if (answer.type !== 'auth_ok') throw new Error(`not authenticated: ${JSON.stringify(answer)}`);
  return socket;
}
