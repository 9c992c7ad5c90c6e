// How long a request may take: whoever waits longer is told so, never left to a connection that is closed without an answer.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

/**
 * Seconds for what the database alone answers (the client has its 503 within 5 s, the way there included), and for what may wait for a provider, a
 * client's server or the hash of a password as well.
 */
const LIMITS = { database: 4.5, others: 15 } as const;
/** One look at all that is under way: cheaper than a timer for each request. */
const LOOK_MS = 250;
const RETRY_AFTER = 5;

/**
 * Answers 503 in the route's dialect. The work goes on to its own limits, and what it answers then is dropped. Time in which the whole process stood
 * still is nobody's, and a body may take what the server allows for it.
 */
export function limitTime(app: FastifyInstance): void {
  /** By reply, how often it was looked at. */
  const under_way = new Map<FastifyReply, number>();

  function look(): void {
    for (const [reply, looks] of under_way) {
      // Its body is still on its way.
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
  app.addHook('onRequest', (_request, reply, done) => {
    under_way.set(reply, 0);
    done();
  });
  // From here on the answer is on its way.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    under_way.delete(reply);
    done();
  });
}
