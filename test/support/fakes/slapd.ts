// A real OpenLDAP server for tests: started in a folder of its own on free loopback ports, filled
// from an LDIF, stopped, frozen and asked what it was asked.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BINARY = '/usr/sbin/slapd';
const OPENSSL = 'openssl';
export const SUFFIX = 'dc=example,dc=org';
export const SERVICE = { bind_dn: `cn=service,${SUFFIX}`, bind_password: 'service-pass' };

/** Why there is no directory to test with; null when there is one. On CI it must be there. */
export function slapdMissing(): string | null {
  if (existsSync(BINARY) || process.env.CI === 'true') return null;
  return `${BINARY} is not installed (Debian and Ubuntu: apt install slapd)`;
}

export interface Certificates {
  ca: string;
  other_ca: string;
  certificate: string;
  key: string;
}

/**
 * An authority, a certificate of it for localhost, 127.0.0.1 and ldap.example.test, and an
 * authority that has nothing to do with it.
 */
export function makeCertificates(folder: string): Certificates {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync(OPENSSL, args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const name of ['ca', 'other_ca'])
    openssl('req', '-x509', ...key, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-days', '2', '-subj', `/CN=${name}`);
  openssl('req', ...key, '-keyout', at('server.key'), '-out', at('server.csr'), '-subj', '/CN=directory');
  writeFileSync(at('san'), 'subjectAltName=DNS:localhost,DNS:ldap.example.test,IP:127.0.0.1\n');
  const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('san')];
  openssl('x509', '-req', '-in', at('server.csr'), '-out', at('server.pem'), ...by);
  return { ca: at('ca.pem'), other_ca: at('other_ca.pem'), certificate: at('server.pem'), key: at('server.key') };
}

export interface Slapd {
  /** The ports for ldap and for ldaps. */
  port: number;
  tls_port: number;
  /** What it was asked since the last time this was called, such as `BIND dn="…" method=128`. */
  asked(): Promise<string[]>;
  /** Connections that are open now, as it sees them. */
  connections(): Promise<number>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
  /** Starts again on the same ports. */
  start(): Promise<void>;
  /** Stops it and removes all that it left. */
  close(): Promise<void>;
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'latchkey-slapd-'));
}

export async function startSlapd(ldif: string, certificates: Certificates): Promise<Slapd> {
  const folder = newFolder();
  // A copy: the profile that Ubuntu's AppArmor has for the original forbids it this folder.
  const binary = join(folder, 'slapd');
  copyFileSync(BINARY, binary);
  chmodSync(binary, 0o755);
  const conf = join(folder, 'slapd.conf');
  mkdirSync(join(folder, 'data'));
  writeFileSync(conf, configuration(folder, certificates));
  writeFileSync(join(folder, 'data.ldif'), ldif);
  execFileSync(binary, ['-Tadd', '-q', '-f', conf, '-l', join(folder, 'data.ldif')], { stdio: 'pipe' });
  const [port, tls_port] = [await freePort(), await freePort()];
  let log = '';
  let read = 0;
  let process: ReturnType<typeof spawn>;

  async function start(): Promise<void> {
    log = '';
    const urls = `ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${tls_port}/`;
    process = spawn(binary, ['-h', urls, '-f', conf, '-d', '256'], { stdio: ['ignore', 'ignore', 'pipe'] });
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    for (let tries = 0; (await knock(port)) === null; tries += 1) {
      if (process.exitCode !== null || tries > 200) throw new Error(`slapd did not start:\n${log}`);
      await sleep(25);
    }
    await settled();
    read = log.length;
  }

  async function stop(): Promise<void> {
    if (process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, 'exit');
    process.kill('SIGCONT');
    process.kill('SIGTERM');
    await ended;
  }

  /**
   * Waits until the log has come to a connection that is made now, and until all are closed.
   * Answers how many are not.
   */
  async function settled(): Promise<number> {
    const knocked = await knock(port);
    const open = () => count(/(ACCEPT|KNOCK) from/g) - count(/conn=\d+ fd=\d+ closed/g);
    for (let tries = 0; !log.includes(`:${knocked} (`) || open() > 0; tries += 1) {
      if (tries > 80) break;
      await sleep(25);
    }
    log = log.replace(new RegExp(`^.*:${knocked} \\(.*\n`, 'm'), (line) => line.replace('ACCEPT', 'KNOCK'));
    return open();
  }
  const count = (pattern: RegExp) => log.match(pattern)?.length ?? 0;

  await start();
  return {
    port,
    tls_port,
    async asked() {
      await settled();
      const lines = log.slice(read).match(/(ACCEPT|BIND dn="[^"]*" method|SRCH base|STARTTLS).*/g) ?? [];
      read = log.length;
      return [...lines];
    },
    connections: settled,
    freeze: () => void process.kill('SIGSTOP'),
    thaw: () => void process.kill('SIGCONT'),
    start,
    stop,
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// `allow bind_anon_dn`: a bind with an empty password succeeds as nobody, as it does in many a
// directory.
function configuration(folder: string, { ca, certificate, key }: Certificates): string {
  return `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/slapd.pid
TLSCACertificateFile ${ca}
TLSCertificateFile ${certificate}
TLSCertificateKeyFile ${key}
allow bind_anon_dn
database mdb
suffix "${SUFFIX}"
directory ${folder}/data
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${SERVICE.bind_dn}" read by users read by anonymous none
`;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The port of a short connection to that port; null when there is nobody. */
async function knock(port: number): Promise<number | null> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return socket.localPort ?? null;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}
