// A real OpenID Provider (npm's oidc-provider) on a port of its own, and a person's browser there:
// logs in, consents or declines by plain HTTP.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { vi } from 'vitest';

export type Op = Awaited<ReturnType<typeof startOp>>;

interface OpOptions {
  clients: Record<string, unknown>[];
  /** Claims of anyone who logs in by that name. */
  people: Record<string, Record<string, unknown>>;
}

export async function startOp({ clients, people }: OpOptions) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  // It tells anyone who starts it that its interactions are for development: they are.
  const silence = ['warn', 'info'].map((level) => vi.spyOn(console, level as 'warn').mockImplementation(() => {}));
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'op' }] },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email', 'email_verified'] },
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  for (const spy of silence) spy.mockRestore();
  server.on('request', provider.callback());
  return {
    issuer,
    /** A browser that nobody is logged in with yet. */
    person: (login: string) => openBrowser(issuer, login),
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function openBrowser(issuer: string, login: string) {
  const jar = new Map<string, string>();

  async function ask(url: URL, init: RequestInit = {}): Promise<Response> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', ...init, headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  async function fillIn(page: URL, html: string, declines: boolean): Promise<Response> {
    if (declines) return await ask(new URL(`${page.pathname}/abort`, issuer));
    const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1] ?? '';
    return await ask(page, { method: 'POST', body: new URLSearchParams({ prompt, login, password: 'any' }) });
  }

  /** Goes where the app sends the person, until the provider sends them back; answers to where. */
  return async function visit(url: string, { declines = false } = {}): Promise<string> {
    let here = new URL(url);
    for (let steps = 0; here.origin === issuer; steps += 1) {
      let answer = await ask(here);
      if (answer.status === 200) answer = await fillIn(here, await answer.text(), declines);
      const location = answer.headers.get('location');
      if (location === null || steps > 20) throw new Error(`${here}: ${answer.status} ${await answer.text()}`);
      here = new URL(location, here);
    }
    return here.href;
  };
}
