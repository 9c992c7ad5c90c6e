import { describe, expect, it } from 'vitest';
import { AuthError } from '../../../src/domain/errors.ts';
import { healthRoute } from '../../../src/http/routes/health.ts';
import { createMetrics, metricsRoute } from '../../../src/http/server/metrics.ts';
import { createBareServer } from '../../support/fakes/bare_server.ts';

function server({ outage = false, draining = false, token = undefined as string | undefined } = {}) {
  const metrics = createMetrics({
    poolCounters: () => ({ total: 3, idle: 2, waiting: 1 }),
    lost_log_lines: () => 4,
    open_sockets: () => 5,
  });
  const ping = async () => {
    if (outage) throw new AuthError('unavailable', 'The database is not available', { retry_after: 1 });
  };
  return createBareServer(
    async (app) => {
      app.addHook('onResponse', metrics.observe);
      await app.register(healthRoute({ ping, isDraining: () => draining }));
      await app.register(metricsRoute(metrics, token));
    },
    {
      throttle: {
        isBanned: async () => true,
        failed: async () => {},
        failedCrossSite: async () => {},
        refusesCrossSite: async () => false,
      },
    },
  );
}

describe('health', () => {
  it('is asked even from a banned address, and leaves no trace', async () => {
    const { app, events, lines } = server({ outage: true });
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await app.inject('/readyz')).statusCode).toBe(503);
    expect(events).toEqual([]);
    expect(lines.filter((line) => line.includes('"msg":"request"'))).toEqual([]);
  });

  it.each([
    ['with its database', {}, 200],
    ['during an outage', { outage: true }, 503],
    ['while it stops', { draining: true }, 503],
  ])('a server %s is ready: %j', async (_story, options, status) => {
    expect((await server(options).app.inject('/readyz')).statusCode).toBe(status);
  });
});

describe('metrics', () => {
  it('count requests by route, not by path', async () => {
    const { app } = server();
    await app.inject('/healthz?x=1');
    const { body } = await app.inject('/metrics');
    expect(body).toContain('latchkey_http_request_duration_seconds_count{method="GET",route="/healthz",status="200"} 1');
    expect(body).toContain('latchkey_database_waiting 1');
    expect(body).toContain('latchkey_log_lines_lost_total 4');
  });

  it('are for anyone who knows the token', async () => {
    const { app } = server({ token: 'a-long-scrape-token' });
    const ask = async (headers = {}) => (await app.inject({ url: '/metrics', headers })).statusCode;
    expect([await ask(), await ask({ authorization: 'Bearer wrong' }), await ask({ authorization: 'Bearer a-long-scrape-token' })]).toEqual(
      [401, 401, 200],
    );
  });

  it('of two servers are apart', async () => {
    const [one, two] = [server().app, server().app];
    await one.inject('/healthz');
    expect((await two.inject('/metrics')).body).not.toContain('route="/healthz"');
  });
});
