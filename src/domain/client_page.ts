// What a URL client's page publishes: `<link rel="redirect_uri" href="…">` (HA contract 4.3). Fetching the page, and how much of it, is the caller's part.
import { Parser } from 'htmlparser2';
import { isForbiddenRedirectUri } from './redirect_uri.ts';
import { resolveUri } from './uri.ts';

/** The redirect URIs that the page names, resolved against the client_id, in their order; a tag without href or with an empty one is skipped. */
export function publishedRedirectUris(html: string, client_id: string): string[] {
  const found: string[] = [];
  let templates = 0;
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === 'template') templates += 1;
      if (name !== 'link' || templates > 0 || attributes.rel !== 'redirect_uri' || !attributes.href) return;
      found.push(resolveUri(client_id, attributes.href));
    },
    onclosetag(name, implied) {
      // A template that another element's end closes only for this parser is still open for a browser.
      if (name === 'template' && !implied) templates -= 1;
    },
  });
  parser.end(html);
  return found.filter((uri) => !isForbiddenRedirectUri(uri));
}
