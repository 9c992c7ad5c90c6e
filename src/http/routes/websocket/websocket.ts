// GET /api/websocket: Home Assistant's WebSocket API, as far as it is about authentication (HA
// contract 11). Any page may open one: only an access token authenticates, and no cookie is read.
import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, FastifyRequest, onResponseHookHandler } from 'fastify';
import { AuthError } from '../../../domain/errors.ts';
import type { Throttle } from '../../../login/throttle.ts';
import { BODY_LIMIT } from '../../server/body.ts';
import type { HostRule } from '../../server/host_rule.ts';
import { webSocketUpgrades } from '../../server/upgrade.ts';
import { type ConnectionDeps, type Peer, serveConnection } from './connection.ts';
import type { OpenConnections } from './open_connections.ts';
import { type OwnCommandDeps, ownCommands } from './own_commands.ts';
import { type UserCommandDeps, userCommands } from './user_commands.ts';

const PATH = '/api/websocket';

export interface WebSocketDeps extends OwnCommandDeps, UserCommandDeps, Omit<ConnectionDeps, 'commands'> {
  throttle: Pick<Throttle, 'attempt' | 'failed' | 'failedCrossSite'>;
  hostRule: Pick<HostRule, 'failureAddressOf'>;
}

export function webSocketRoute(deps: WebSocketDeps): FastifyPluginAsync {
  const { connections } = deps;
  const commands = new Map([...ownCommands(deps), ...userCommands(deps)].map((command) => [command.type, command]));
  return async (app) => {
    await app.register(websocket, {
      options: { server: webSocketUpgrades(app.server, PATH), maxPayload: BODY_LIMIT, clientTracking: false },
      preClose: (done) => void connections.close().then(() => done()),
      // An error of the connection is followed by its end.
      errorHandler: (_error, socket) => socket.terminate(),
    });
    app.route({
      method: 'GET',
      url: PATH,
      config: { is_socket: true },
      onRequest: async (request) => connections.admit(request),
      onResponse: async ({ raw }) => {
        // A refused handshake; the socket has no HTTP parser any more.
        if (raw.headers.upgrade !== undefined) raw.socket.destroySoon();
      },
      handler: () => {
        throw new AuthError('invalid_request', 'Not a WebSocket handshake');
      },
      wsHandler: (socket, request) => serveConnection(socket, peerOf(request, deps), { ...deps, commands }),
    });
  };
}

function peerOf(request: FastifyRequest, { throttle, hostRule }: WebSocketDeps): Peer {
  const { remote_address, is_cross_site, error_ref, log } = request;
  // A page that opens connections must not be able to ban its visitors.
  const countFailure = () =>
    is_cross_site ? throttle.failedCrossSite(remote_address) : throttle.failed(hostRule.failureAddressOf(request), null);
  return { remote_address, is_cross_site, error_ref, log, countFailure };
}

/** Checks the open connections after a request that may have ended a grant. */
export function checkAfterChange({ check, count }: Pick<OpenConnections, 'check' | 'count'>): onResponseHookHandler {
  return (request, _reply, done) => {
    if (count() > 0 && !['GET', 'HEAD', 'OPTIONS'].includes(request.method)) void check();
    done();
  };
}
