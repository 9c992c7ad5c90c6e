// The registered paths and methods, for 405 with Allow and for CORS preflights.

import type { FastifyContextConfig, FastifyInstance } from 'fastify';

interface Row {
  pattern: RegExp;
  methods: string[];
  config: FastifyContextConfig;
}

export interface RouteTable {
  /** The methods and settings of a path; null for an unknown one. */
  find(url: string): { methods: readonly string[]; config: FastifyContextConfig } | null;
}

/** Collects routes registered on `app` from now on. */
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
      // A path may match both a literal and a parameterized route, and has the methods of both.
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
