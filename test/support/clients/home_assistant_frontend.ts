// Home Assistant's own front-end: its built login page, fetched once from PyPI into the user's
// cache folder, and a reverse proxy that serves it and us as one origin.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '20261125.1';
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'latchkey-test');
const DOWNLOAD_TIMEOUT_MS = 300_000;
const run = promisify(execFile);

/**
 * Takes what the login page loads out of the wheel: neither maps, nor compressed copies, nor the
 * build for old browsers.
 */
const EXTRACT = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        wanted = name == 'hass_frontend/authorize.html' or name.startswith(('hass_frontend/frontend_latest/', 'hass_frontend/static/'))
        if wanted and not name.endswith(('.map', '.br', '.gz', '.LICENSE.txt')):
            wheel.extract(name, sys.argv[2])
`;

/** The folder of the built front-end; or why there is none. Under CI its absence is an error. */
export async function findFrontend(): Promise<{ folder: string } | { missing: string }> {
  const kept = join(CACHE, `home-assistant-frontend-${VERSION}`);
  const folder = join(kept, 'hass_frontend');
  if (existsSync(join(folder, 'authorize.html'))) return { folder };
  try {
    await fetchInto(kept);
    return { folder };
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return { missing: `home-assistant-frontend ${VERSION} cannot be had from PyPI: ${String(error).split('\n', 1)[0]}` };
  }
}

async function fetchInto(kept: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'fetching-'));
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--ignore-requires-python', '--dest', work];
    await run('python3', [...pip, `home-assistant-frontend==${VERSION}`], { timeout: DOWNLOAD_TIMEOUT_MS });
    const wheel = join(work, `home_assistant_frontend-${VERSION}-py3-none-any.whl`);
    await run('python3', ['-c', EXTRACT, wheel, join(work, 'extracted')]);
    await rename(join(work, 'extracted'), kept);
  } catch (error) {
    // Another run was faster.
    if (!existsSync(join(kept, 'hass_frontend', 'authorize.html'))) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A request of the page, as the proxy saw it pass. */
interface SeenRequest {
  method: string;
  path: string;
  headers: Record<string, string | undefined>;
  body: string;
  status: number;
}

export interface FrontDoor {
  /** Of the front-end and of us. */
  origin: string;
  /** What the page asked us. */
  seen: SeenRequest[];
  close(): Promise<void>;
}

/** Serves the front-end from `folder`, and everything else from `latchkey`, our server's origin. */
export async function startFrontDoor(folder: string, latchkey: string): Promise<FrontDoor> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/auth/authorize') void sendFile(response, join(folder, 'authorize.html'));
    else if (/^\/(frontend_latest|static)\//.test(path)) void sendFile(response, join(folder, normalize(path)));
    else void pass(request, response, latchkey, seen);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, seen, close: () => ended(server) };
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
};

async function sendFile(response: ServerResponse, file: string): Promise<void> {
  try {
    const content = await readFile(file);
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

async function pass(request: IncomingMessage, response: ServerResponse, latchkey: string, seen: SeenRequest[]): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const { method = 'GET', url: path = '/' } = request;
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== 'transfer-encoding'));
  const upstream = forward(`${latchkey}${path}`, { method, headers }, (answer) => {
    const { 'content-type': type, origin, 'sec-fetch-site': site } = request.headers;
    const told = { 'content-type': type, origin, 'sec-fetch-site': site as string | undefined };
    seen.push({ method, path, headers: told, body: body.toString(), status: answer.statusCode ?? 0 });
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', () => response.writeHead(502).end());
  upstream.end(body);
}

async function ended(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
