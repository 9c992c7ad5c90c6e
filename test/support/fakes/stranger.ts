// A server of somebody else's on loopback, which counts who connects and does with them what a test
// says.
import { createServer, type Socket } from 'node:net';

export interface Stranger {
  port: number;
  url: string;
  /** Connections made, and bytes received on them. */
  connections(): number;
  received(): string;
  close(): Promise<void>;
}

/** `talk` gets each connection once its request has come. */
export async function startStranger(talk: (socket: Socket, path: string) => void): Promise<Stranger> {
  let connections = 0;
  let received = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (data) => {
      received += data.toString('latin1');
      talk(socket, data.toString('latin1').split(' ')[1] ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    connections: () => connections,
    received: () => received,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** An HTTP answer that ends with its connection. */
export function respond(socket: Socket, body: string | Buffer, { status = '200 OK', headers = '' } = {}): void {
  socket.write(`HTTP/1.1 ${status}\r\n${headers}Connection: close\r\n\r\n`);
  socket.end(body);
}
