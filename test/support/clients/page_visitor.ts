// A person with a browser that has no JavaScript: follows our pages by their forms, with a cookie
// jar.
import type { TestServer } from '../fixtures/server.ts';

/** The fields a form already carries: its hidden ones, and the code of a device in its field. */
export function fieldsOf(html: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [tag] of html.matchAll(/<input (?:type="hidden"|id="user_code")[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1] ?? '';
    fields[name] = decoded(/value="([^"]*)"/.exec(tag)?.[1] ?? '');
  }
  return fields;
}

/** Where the page's form goes; by itself to where the page is. */
export function formAction(html: string, url: string): string {
  return decoded(/<form method="post" action="([^"]*)"/.exec(html)?.[1] ?? url);
}

function decoded(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** A browser of its own; `headers` go with every request. */
export function visitor(server: TestServer, headers: Record<string, string> = {}) {
  const jar = new Map<string, string>();

  async function ask(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname, search } = new URL(url, 'http://localhost');
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await server.request(pathname + search, {
      ...init,
      headers: { ...headers, ...init.headers, ...(cookie ? { cookie } : {}) },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    return answer;
  }

  return {
    jar,
    get: (url: string) => ask(url),
    post: (url: string, fields: Record<string, string>) => ask(url, { method: 'POST', body: new URLSearchParams(fields) }),

    /** Sends the page's form with these fields added. */
    async submit(url: string, html: string, fields: Record<string, string>): Promise<Response> {
      return ask(formAction(html, url), { method: 'POST', body: new URLSearchParams({ ...fieldsOf(html), ...fields }) });
    },

    /** Opens a page and presses the button of its first form. */
    async press(url: string): Promise<Response> {
      return await this.submit(url, await (await ask(url)).text(), {});
    },

    /** Says yes on the consent page that an answer leads to. */
    async agree(answer: Response, fields: Record<string, string> = {}): Promise<Response> {
      const url = answer.headers.get('location') ?? '';
      const html = await (await ask(url)).text();
      if (!html.includes('name="_decision"')) throw new Error(`no consent page: ${url} ${html}`);
      return await this.submit(url, html, { _decision: 'allow', ...fields });
    },

    /** Opens the authorize page, logs in and answers where the browser is sent. */
    async logIn(url: string, { username, password }: { username: string; password: string }): Promise<string> {
      const page = await ask(url);
      const answer = await this.submit(url, await page.text(), { username, password });
      const location = answer.headers.get('location');
      if (answer.status !== 303 || location === null) throw new Error(`no login: ${answer.status} ${await answer.text()}`);
      return location;
    },
  };
}
