// Bytes as no client library would send them.
import { once } from 'node:events';
import { connect } from 'node:net';

/** Writes to a server and reads until it closes the connection or is silent for three seconds. */
export async function raw(origin: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  socket.setTimeout(3000, () => socket.destroy());
  await once(socket, 'close');
  return answer;
}
