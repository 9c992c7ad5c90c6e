// A real nginx for tests, on a free loopback port in a folder of its own, in front of an app that
// tells what reached it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { showRecipe } from '../../../src/accounts/apps.ts';
import { createRecipes } from '../../../src/recipes/load.ts';

const BINARY = '/usr/sbin/nginx';

/** The file that the recipe of a proxy makes for a host. */
export async function recipeBlock(id: string, host: string): Promise<string> {
  const { steps } = showRecipe(await createRecipes().get(id), { public_url: 'https://auth.example.com', url: `https://${host}` });
  const [first, ...others] = steps;
  if (!first || !('text' in first) || others.length > 0) throw new Error(`the recipe ${id} must make one file`);
  return first.text;
}

/** Why there is no nginx to test with; null when there is one. On CI it must be there. */
export function nginxMissing(): string | null {
  if (existsSync(BINARY) || process.env.CI === 'true') return null;
  return `${BINARY} is not installed (Debian and Ubuntu: apt install nginx)`;
}

export interface Nginx {
  origin: string;
  close(): Promise<void>;
}

export interface LoggingNginx extends Nginx {
  /** Its error log so far. */
  errors(): string;
}

/** Protects the hosts by the recipe's block; `latchkey` is our server's origin. */
export async function startNginx(latchkey: string, hosts: readonly string[], handler: RequestListener = tell): Promise<Nginx> {
  const app = createServer(handler);
  const app_url = `http://127.0.0.1:${await listening(app)}`;
  const blocks = await Promise.all(hosts.map((host) => recipeBlock('nginx', host)));
  const nginx = await runNginx((port) => blocks.map((block) => protectedHost(block, { port, app: app_url, latchkey })).join(''));
  return {
    ...nginx,
    async close() {
      await nginx.close();
      app.closeAllConnections();
      app.close();
    },
  };
}

/** What reached the app. */
export const tell: RequestListener = (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
};

/**
 * Forwards everything to `latchkey` by one line without headers: the Host is rewritten, the
 * client's address is lost.
 */
export function startOneLineProxy(latchkey: string): Promise<Nginx> {
  return runNginx((port) => `  server { listen 127.0.0.1:${port}; location / { proxy_pass ${latchkey}; } }`);
}

/**
 * Balances over several servers and keeps connections to them; what cannot connect is sent to
 * another one, what was sent never is.
 */
export function startBalancer(latchkeys: readonly string[]): Promise<LoggingNginx> {
  const servers = latchkeys.map((url) => `server ${new URL(url).host} max_fails=0;`).join(' ');
  return runNginx(
    (port) => `
  upstream latchkey { ${servers} keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://latchkey; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }`,
  );
}

/** Runs nginx with these server blocks on a free loopback port. */
async function runNginx(servers: (port: number) => string): Promise<LoggingNginx> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, servers(port)));
  const nginx = spawn(BINARY, ['-p', folder, '-c', file, '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  await started(nginx, port, () => readFileSync(join(folder, 'error.log'), 'utf8'));
  return {
    origin: `http://127.0.0.1:${port}`,
    errors: () => readFileSync(join(folder, 'error.log'), 'utf8'),
    async close() {
      if (nginx.exitCode === null) {
        const ended = once(nginx, 'exit');
        nginx.kill('SIGTERM');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, servers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  ${temporary.join('\n  ')}
${servers}
}
`;
}

/** The block without TLS and with the addresses of this machine. */
function protectedHost(block: string, { port, app, latchkey }: { port: number; app: string; latchkey: string }): string {
  return block
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replaceAll('http://latchkey:8420', latchkey)
    .replaceAll('http://wiki:3000', app);
}

export async function started(nginx: ChildProcess, port: number, log: () => string): Promise<void> {
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (nginx.exitCode !== null || tries > 200) throw new Error(`it did not start:\n${log()}`);
    await sleep(25);
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

export async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
