// Reads `<link rel="redirect_uri" href="…">` from a URL client's page (HA contract 4.3). The caller
// fetches the page and limits its size.
import { Parser } from 'htmlparser2';
import { isForbiddenRedirectUri } from './redirect_uri.ts';
import { resolveUri } from './uri.ts';

/**
 * The page's redirect URIs in document order, resolved against the client_id; tags without href are
 * skipped.
 */
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
      // A template that this parser closes implicitly is still open for a browser.
      if (name === 'template' && !implied) templates -= 1;
    },
  });
  parser.end(html);
  return found.filter((uri) => !isForbiddenRedirectUri(uri));
}
