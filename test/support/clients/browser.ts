// A browser without JavaScript that knows several hosts: where each is reached, and a cookie jar
// for each. It follows no redirect by itself.
import { request } from 'node:http';
import { fieldsOf, formAction } from './page_visitor.ts';

export interface Page {
  url: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** Where it redirects to, in full; null where it does not. */
  location: string | null;
}

/** `places`: the origin to connect to, by host. */
export function createBrowser(places: Readonly<Record<string, string>>) {
  const jars = new Map<string, Map<string, string>>();
  const jarOf = (host: string) => jars.get(host) ?? jars.set(host, new Map()).get(host)!;

  async function ask(url: string, { headers = {}, form }: { headers?: Record<string, string>; form?: Record<string, string> } = {}) {
    const { hostname } = new URL(url);
    // Dots and slashes go over the wire as they are written.
    const path = /^https?:\/\/[^/]+(.*)$/.exec(url)?.[1] || '/';
    const jar = jarOf(hostname);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = form && new URLSearchParams(form).toString();
    const sent = {
      ...{ host: hostname, accept: 'text/html' },
      ...(cookie && { cookie }),
      ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    };
    const page = await exchange(`${places[hostname]}`, path, sent, body);
    for (const line of [page.headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const { location } = page.headers;
    return { ...page, url, location: typeof location === 'string' ? new URL(location, url).href : null };
  }

  return {
    jarOf,
    get: (url: string, headers?: Record<string, string>): Promise<Page> => ask(url, headers && { headers }),

    /** Goes where a page leads until one leads nowhere. */
    async follow(url: string): Promise<Page> {
      let page = await ask(url);
      for (let hops = 0; page.location !== null; hops += 1) {
        if (hops > 15) throw new Error(`going in circles at ${page.url}`);
        page = await ask(page.location);
      }
      return page;
    },

    /** Sends the page's form and goes where that leads. */
    async submit(page: Page, fields: Record<string, string>): Promise<Page> {
      const answer = await ask(new URL(formAction(page.body, page.url), page.url).href, { form: { ...fieldsOf(page.body), ...fields } });
      return answer.location === null ? answer : await this.follow(answer.location);
    },
  };
}

function exchange(origin: string, path: string, headers: Record<string, string>, body: string | undefined) {
  const { hostname, port } = new URL(origin);
  return new Promise<Pick<Page, 'status' | 'headers' | 'body'>>((resolve, reject) => {
    const sent = request({ hostname, port, path, headers, method: body === undefined ? 'GET' : 'POST', agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
    });
    sent.on('error', reject).end(body);
  });
}
