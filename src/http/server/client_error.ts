// Answers malformed requests, which Node's parser rejects before Fastify sees them, and closes the
// connection.

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Responds with the usual headers. */
export function clientErrorHandler(headers: Readonly<Record<string, string>>): (error: NodeJS.ErrnoException, socket: Socket) => void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(response(STATUS[error.code ?? ''] ?? 400, lines.join('')));
  };
}

function response(status: number, headers: string): string {
  const text = `${status}: ${STATUS_CODES[status]}`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}` +
    `content-type: text/plain; charset=utf-8\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`
  );
}
