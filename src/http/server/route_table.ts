// Which paths exist and what may be done to each, collected as routes are registered: for 405 with Allow, and for CORS preflights.

import type { FastifyContextConfig, FastifyInstance } from 'fastify';

interface Row {
  pattern: RegExp;
  methods: string[];
  config: FastifyContextConfig;
}

export interface RouteTable {
  /** The methods of a path and the settings of its route; null for a path nobody serves. */
  find(url: string): { methods: readonly string[]; config: FastifyContextConfig } | null;
}

/** Collects every route that is registered on `app` from here on. */
export function createRouteTable(app: FastifyInstance): RouteTable {
  const rows = new Map<string, Row>();
  app.addHook('onRoute', ({ url, method, config }) => {
    const row = rows.get(url) ?? { pattern: patternOf(url), methods: [], config: config ?? {} };
    for (const name of [method].flat()) if (!row.methods.includes(name)) row.methods.push(name);
    rows.set(url, row);
  });
  return {
    find(url) {
      const path = url.split('?', 1)[0] ?? '';
      // A word may stand where another route takes any id: then the path has the methods of both.
      const matching = [...rows.values()].filter(({ pattern }) => pattern.test(path));
      const [first] = matching;
      return first ? { methods: [...new Set(matching.flatMap(({ methods }) => methods))].toSorted(), config: first.config } : null;
    },
  };
}

function patternOf(url: string): RegExp {
  const literal = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replace(/:[a-z_]+/g, '[^/]+')}$`);
}
