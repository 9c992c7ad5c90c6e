// A real nginx for tests, on a free loopback port in a folder of its own, in front of an app that tells what reached it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BINARY = '/usr/sbin/nginx';

/** Why there is no nginx to test with; null when there is one. On CI it must be there. */
export function nginxMissing(): string | null {
  if (existsSync(BINARY) || process.env.CI === 'true') return null;
  return `${BINARY} is not installed (Debian and Ubuntu: apt install nginx)`;
}

export interface Nginx {
  origin: string;
  close(): Promise<void>;
}

/** Protects the hosts as the README tells; `latchkey` is our server's origin. */
export async function startNginx(latchkey: string, hosts: readonly string[]): Promise<Nginx> {
  const app = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  const app_url = `http://127.0.0.1:${await listening(app)}`;
  const nginx = await runNginx((port) => hosts.map((host) => protectedHost({ host, port, app: app_url, latchkey })).join(''));
  return {
    origin: nginx.origin,
    async close() {
      await nginx.close();
      app.closeAllConnections();
      app.close();
    },
  };
}

/** Forwards everything to `latchkey` by one line without headers: the Host is rewritten, the client's address is lost. */
export function startOneLineProxy(latchkey: string): Promise<Nginx> {
  return runNginx((port) => `  server { listen 127.0.0.1:${port}; location / { proxy_pass ${latchkey}; } }`);
}

/** Runs nginx with these server blocks on a free loopback port. */
async function runNginx(servers: (port: number) => string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, servers(port)));
  const nginx = spawn(BINARY, ['-p', folder, '-c', file, '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  await started(nginx, port, () => readFileSync(join(folder, 'error.log'), 'utf8'));
  return {
    origin: `http://127.0.0.1:${port}`,
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
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.join('\n  ')}
${servers}
}
`;
}

function protectedHost({ host, port, app, latchkey }: { host: string; port: number; app: string; latchkey: string }): string {
  return `
  server {
    listen 127.0.0.1:${port};
    server_name ${host};

    location /.latchkey/ {
      proxy_pass ${latchkey};
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $host;
    }
    location = /.latchkey/verify {
      internal;
      proxy_pass ${latchkey}/auth/verify;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Original-Method $request_method;
    }
    location @latchkey_login {
      if ($latchkey_login = "") { return 403; }
      return 302 $latchkey_login;
    }
    location / {
      auth_request /.latchkey/verify;
      auth_request_set $latchkey_login $upstream_http_x_latchkey_login;
      auth_request_set $latchkey_user $upstream_http_remote_user;
      auth_request_set $latchkey_name $upstream_http_remote_name;
      auth_request_set $latchkey_email $upstream_http_remote_email;
      auth_request_set $latchkey_groups $upstream_http_remote_groups;
      error_page 401 = @latchkey_login;
      proxy_set_header Remote-User $latchkey_user;
      proxy_set_header Remote-Name $latchkey_name;
      proxy_set_header Remote-Email $latchkey_email;
      proxy_set_header Remote-Groups $latchkey_groups;
      proxy_pass ${app};
    }
  }
`;
}

async function started(nginx: ChildProcess, port: number, log: () => string): Promise<void> {
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (nginx.exitCode !== null || tries > 200) throw new Error(`nginx did not start:\n${log()}`);
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

async function freePort(): Promise<number> {
  const server = net.createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
