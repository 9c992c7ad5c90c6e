// Limits the time of a request: a slow one gets an error, not a closed connection.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

/**
 * In seconds, for routes that depend only on the database (503 within 5 s), and for those that may
 * also wait for providers, clients' servers or password hashing.
 */
const LIMITS = { database: 4.5, others: 15 } as const;
/** One check of all running requests is cheaper than a timer for each. */
const LOOK_MS = 250;
const RETRY_AFTER = 5;

/**
 * Answers 503 in the route's format. The work continues to its own limits, and its result is
 * dropped. Time in which the process was blocked does not count, nor does receiving the body.
 */
export function limitTime(app: FastifyInstance): void {
  /** By reply, the number of checks. */
  const under_way = new Map<FastifyReply, number>();

  function look(): void {
    for (const [reply, looks] of under_way) {
      // Its body is still arriving.
      if (reply.request.raw.complete === false) continue;
      under_way.set(reply, looks + 1);
      const limit = reply.request.routeOptions.config.database_only ? LIMITS.database : LIMITS.others;
      if ((looks + 1) * LOOK_MS < limit * 1000) continue;
      under_way.delete(reply);
      if (reply.sent) continue;
      const detail = `no answer within ${limit} seconds`;
      reply.send(new AuthError('unavailable', 'This takes too long at the moment', { retry_after: RETRY_AFTER, detail }));
    }
  }

  const timer = setInterval(look, LOOK_MS).unref();
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer);
    done();
  });
  app.addHook('onRequest', (request, reply, done) => {
    const { takes_long, is_socket } = request.routeOptions.config;
    if (takes_long) request.raw.socket.setTimeout?.(0);
    else if (!is_socket) under_way.set(reply, 0);
    done();
  });
  // The response is being sent.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    under_way.delete(reply);
    done();
  });
}
