// Upgrades to WebSockets on one path. With a listener for upgrades, Node hands over every request
// with an Upgrade header, also those that ask for HTTP/2; these are answered as usual.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';

/** A server that never listens; it emits the upgrades of `server` to WebSockets on `path`. */
export function webSocketUpgrades(server: Server, path: string): Server {
  const upgrades = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // While the server stops, nobody listens.
    const is_taken = isWebSocket(request, path) && upgrades.emit('upgrade', request, socket, head);
    if (!is_taken) handBack(server, request, socket, head);
  });
  return upgrades;
}

function isWebSocket({ method, url = '', headers }: IncomingMessage, path: string): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && url.split('?', 1)[0] === path;
}

/** Has the request parsed again without its Upgrade header, as RFC 9110 section 7.8 allows. */
function handBack(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method = 'GET', url = '/', httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
