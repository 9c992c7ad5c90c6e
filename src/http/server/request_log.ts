// Logs a line per request.

import type { onResponseHookHandler } from 'fastify';
import { loggedPath } from './errors.ts';

export const requestLogHook: onResponseHookHandler = (request, reply, done) => {
  if (!request.routeOptions.config.monitoring) {
    const { method, remote_address, error_ref } = request;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    request.log.info({ method, path: loggedPath(request), status: reply.statusCode, ms, remote_address, error_ref }, 'request');
  }
  done();
};
