// The routes of a running server, read off its router.
import type { TestServer } from '../fixtures/server.ts';

export interface Route {
  url: string;
  methods: string[];
}

/** Every route that the server has. */
export async function routesOf({ server }: Pick<TestServer, 'server'>): Promise<Route[]> {
  // Before that, the router is empty.
  await server.ready();
  const path: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods] = /^([│ ]*)[├└]── (\S*)(?: \((.*)\))?$/.exec(line) ?? [];
      if (part === '') return [];
      path.splice(indent.length / 4, path.length, part);
      return methods === undefined ? [] : [{ url: path.join(''), methods: methods.split(', ') }];
    });
}
