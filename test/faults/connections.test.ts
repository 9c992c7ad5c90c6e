// Many connections and few open files: what one host holds open never keeps others out, and a limit
// that is too low is reported in one sentence.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { limitConnections } from '../../src/http/server/connection_limit.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/**
 * A server on all of 127.0.0.0/8 that exempts no address, so that each address of loopback is a
 * host of its own.
 */
async function openServer(of_address: number, total = 8192) {
  const server = createServer((_request, response) => response.end('here'));
  limitConnections(
    server,
    { of_address, total },
    () => false,
    () => false,
  );
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return async (localAddress: string): Promise<Socket> => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    // What the server closes may be reset.
    socket.on('error', () => {});
    closers.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
}

/** The answer to a request on this connection; empty when it is closed instead. */
function ask(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (answer) => resolve(String(answer)));
    socket.once('close', () => resolve(''));
    if (socket.destroyed || socket.closed) resolve('');
    else socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  });
}

// R9
describe('connections of many hosts', () => {
  test('of a host that opens too many the ones that were idle longest are closed, and others are served', async () => {
    const connect = await openServer(20);
    const other = await connect('127.0.0.3');
    expect(await ask(other)).toContain('200 OK');
    const greedy: Socket[] = [];
    for (let opened = 0; opened < 60; opened += 1) greedy.push(await connect('127.0.0.2'));
    await expect.poll(() => greedy.filter((socket) => socket.closed).length).toBe(40);
    expect(greedy.slice(0, 40).every((socket) => socket.closed)).toBe(true);
    expect(await Promise.all(greedy.slice(40).map(ask))).toEqual(Array.from({ length: 20 }, () => expect.stringContaining('200 OK')));
    expect([await ask(other), await ask(await connect('127.0.0.4'))]).toEqual([
      expect.stringContaining('200 OK'),
      expect.stringContaining('200 OK'),
    ]);
  });

  test('at the total the idle ones of the host that has most make room, and every new host is served', async () => {
    const connect = await openServer(20, 40);
    const many: Socket[] = [];
    for (let opened = 0; opened < 40; opened += 1) many.push(await connect(`127.0.0.${2 + (opened % 2)}`));
    const others = ['127.0.0.10', '127.0.0.11', '127.0.0.12', '127.0.0.13'];
    for (const address of others) expect(await ask(await connect(address))).toContain('200 OK');
    await expect.poll(() => many.filter((socket) => socket.closed).length).toBe(4);
    expect(many.slice(0, 4).every((socket) => socket.closed)).toBe(true);
  });
});

// R9
describe('a process that may open few files', () => {
  test.each([100, 256])('ends with one sentence that tells the limit it needs, or serves: %i', async (limit) => {
    const script = `ulimit -n ${limit}; exec "$0" "$@"`;
    const child: ChildProcess = spawn('/bin/sh', ['-c', script, process.execPath, MAIN, 'serve'], {
      env: { ...process.env, LATCHKEY_PUBLIC_URL: 'https://auth.example.com', LATCHKEY_DATABASE_URL: 'postgres://x@127.0.0.1:1/x' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    closers.push(() => child.kill('SIGKILL'));
    let said = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (said += text));
    const [code] = await once(child, 'close');
    expect(code).not.toBe(0);
    // With no more to say than that, or than what is wrong with its database.
    expect(said).toMatch(/^(This process may not open enough files: raise the limit to 1024 at least .*|.*database.*)\n$/);
  });
});
