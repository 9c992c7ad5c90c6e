// The pages' static files, read at start and named by a hash of their content, so that browsers can
// cache them permanently.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

const TYPES: Readonly<Record<string, string>> = { '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

interface Asset {
  body: Buffer;
  content_type: string;
}

export interface Assets {
  /** The URL of a file such as `style.css`. Throws for unknown names. */
  href(name: string): string;
  find(path: string): Asset | undefined;
}

export function loadAssets(folder = new URL('./assets/', import.meta.url)): Assets {
  const hrefs = new Map<string, string>();
  const files = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const content_type = TYPES[extname(name)];
    if (content_type === undefined) continue;
    const body = readFileSync(new URL(name, folder));
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
    const href = `/assets/${hash}-${name}`;
    hrefs.set(name, href);
    files.set(href, { body, content_type });
  }
  return {
    href(name) {
      const href = hrefs.get(name);
      if (href === undefined) throw new Error(`no asset ${name}`);
      return href;
    },
    find: (path) => files.get(path),
  };
}
