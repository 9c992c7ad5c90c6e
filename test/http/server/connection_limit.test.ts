// One address holds so many connections and no more; the one that was idle longest makes room.
// Addresses are distinguished by what the socket says of its peer, since a test has but one.
import { EventEmitter } from 'node:events';
import { Server, type ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { networksOf } from '../../../src/domain/network.ts';
import { limitConnections } from '../../../src/http/server/connection_limit.ts';

interface Peer extends EventEmitter {
  remoteAddress: string;
  destroyed: boolean;
}

function open(most: number, trusted: string[] = [], total = 8192) {
  const server = new Server();
  limitConnections(server, { of_address: most, total }, networksOf(trusted));
  return {
    server,
    connect(remoteAddress: string): Peer {
      const socket = Object.assign(new EventEmitter(), {
        remoteAddress,
        destroyed: false,
        destroy() {
          this.destroyed = true;
          socket.emit('close');
        },
      });
      server.emit('connection', socket);
      return socket;
    },
    ask(socket: Peer): { writableFinished: boolean; destroyed: boolean } {
      const response = { writableFinished: false, destroyed: false };
      server.emit('request', { socket }, response as unknown as ServerResponse);
      return response;
    },
  };
}

// R9
it('closes the connection of an address that was idle longest for a new one', () => {
  const { connect, ask } = open(3);
  const [first, second, third] = [connect('198.51.100.1'), connect('198.51.100.1'), connect('198.51.100.1')];
  const other = connect('198.51.100.2');
  ask(first).writableFinished = true;
  const fourth = connect('198.51.100.1');
  expect([first, second, third, fourth, other].map(({ destroyed }) => destroyed)).toEqual([false, true, false, false, false]);
});

it('never closes one with a request under way or an upgraded one; where all are busy, the new one goes', () => {
  const { connect, ask, server } = open(2);
  server.on('upgrade', () => {});
  const [busy, upgraded] = [connect('198.51.100.1'), connect('198.51.100.1')];
  const response = ask(busy);
  server.emit('upgrade', { socket: upgraded }, upgraded, Buffer.alloc(0));
  const refused = connect('198.51.100.1');
  expect([busy, upgraded, refused].map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
  response.writableFinished = true;
  const taken = connect('198.51.100.1');
  expect([busy, upgraded, taken].map(({ destroyed }) => destroyed)).toEqual([true, false, false]);
});

it('takes an IPv6 /64 for one address, and counts neither loopback nor a trusted proxy', () => {
  const { connect } = open(1, ['10.0.0.0/8']);
  const first = connect('2001:db8::1');
  expect([connect('2001:db8::2'), first].map(({ destroyed }) => destroyed)).toEqual([false, true]);
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.2.3'])
    expect([connect(address), connect(address)].map(({ destroyed }) => destroyed)).toEqual([false, false]);
});

it('forgets what has closed by itself', () => {
  const { connect } = open(1);
  connect('198.51.100.1').emit('close');
  const next = connect('198.51.100.1');
  expect(next.destroyed).toBe(false);
});

// R9
it('at the total closes a connection of the /48 that has most, though none of its /64s has too many', () => {
  const { connect } = open(3, [], 6);
  const other = connect('198.51.100.1');
  const many = Array.from({ length: 5 }, (_, n) => connect(`2001:db8:0:${n}::1`));
  const next = connect('198.51.100.2');
  expect([other, ...many, next].map(({ destroyed }) => destroyed)).toEqual([false, true, false, false, false, false, false]);
});

it('at the total takes from the next where the one that has most is busy; where all are busy, the new one goes', () => {
  const { connect, ask } = open(3, [], 3);
  const busy = [connect('198.51.100.1'), connect('198.51.100.1')];
  for (const each of busy) ask(each);
  const idle = connect('198.51.100.2');
  const taken = connect('198.51.100.3');
  ask(taken);
  const refused = connect('198.51.100.4');
  expect([...busy, idle, taken, refused].map(({ destroyed }) => destroyed)).toEqual([false, false, true, false, true]);
});
