// A real Caddy for tests, on a free loopback port, with the recipe's block in front of an app that
// returns what reached it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listening, type Nginx, recipeBlock, started, tell } from './nginx.ts';

const BINARY = '/usr/bin/caddy';

/** Why there is no Caddy to test with; null when there is one. On CI it must be there. */
export function caddyMissing(): string | null {
  if (existsSync(BINARY) || process.env.CI === 'true') return null;
  return `${BINARY} is not installed (Debian and Ubuntu: apt install caddy)`;
}

/** Protects the host by the recipe's block; `latchkey` is our server's origin. */
export async function startCaddy(latchkey: string, host: string): Promise<Nginx> {
  const app = createServer(tell);
  const app_port = await listening(app);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-caddy-'));
  const port = await freePort();
  const file = join(folder, 'Caddyfile');
  const block = await recipeBlock('caddy', host);
  const site = block
    .replace(`${host} {`, `http://${host}:${port} {\n  bind 127.0.0.1`)
    .replaceAll('latchkey:8420', new URL(latchkey).host)
    .replaceAll('wiki:3000', `127.0.0.1:${app_port}`);
  writeFileSync(file, `{\n  admin off\n  auto_https off\n}\n${site}`);
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const caddy = spawn(BINARY, ['run', '--config', file, '--adapter', 'caddyfile'], { stdio: 'ignore', env });
  await started(caddy, port, () => site);
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      if (caddy.exitCode === null) {
        const ended = once(caddy, 'exit');
        caddy.kill('SIGTERM');
        await ended;
      }
      app.closeAllConnections();
      app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
