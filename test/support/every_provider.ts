// One of every way in, real servers and all: two directories, two OpenID Providers, a program, the home network, and our own passwords.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directory, PLACES } from './directory.ts';
import { startOp } from './oidc_op.ts';
import { makeCertificates, newFolder, SERVICE, type Slapd, startSlapd } from './slapd.ts';

const PROGRAM = '#!/bin/sh\n[ "$password" = sesame ] || exit 1\n';
const CLIENT_SECRET = 'a secret of the client, long enough for HS256';

export type EveryProvider = Awaited<ReturnType<typeof startEveryProvider>>;

/** `public_url`: of the server that is to use them; `home`: the trusted network. */
export async function startEveryProvider(public_url: string, home = '192.168.0.0/24') {
  const folder = newFolder();
  const program = mkdtempSync(join(tmpdir(), 'latchkey-program-'));
  const command = join(program, 'check');
  writeFileSync(command, PROGRAM, { mode: 0o755 });
  const certificates = makeCertificates(folder);
  const client = (id: string) => ({
    client_id: 'latchkey',
    client_secret: CLIENT_SECRET,
    redirect_uris: [`${public_url}/auth/callback/oidc:${id}`],
  });
  const [office, school, work, club] = await Promise.all([
    startSlapd(directory('of the office'), certificates),
    startSlapd(directory('of the school'), certificates),
    startOp({ clients: [client('work')], people: { 'ada@work': { name: 'Ada at work' } } }),
    startOp({ clients: [client('club')], people: { 'ada@club': { name: 'Ada at the club' } } }),
  ]);
  const ldap = (id: string, { port }: Slapd) => ({
    type: 'ldap',
    id,
    name: `The ${id}`,
    url: `ldap://127.0.0.1:${port}`,
    ca_file: certificates.ca,
    base_dn: PLACES.people,
    ...SERVICE,
  });
  const oidc = (id: string, { issuer }: typeof work) => ({
    type: 'oidc',
    id,
    name: `The ${id}`,
    issuer,
    client_id: 'latchkey',
    client_secret: CLIENT_SECRET,
  });
  return {
    office,
    school,
    work,
    club,
    auth_providers: [
      { type: 'homeassistant' },
      ldap('office', office),
      ldap('school', school),
      oidc('work', work),
      oidc('club', club),
      { type: 'trusted_networks', trusted_networks: [home] },
      { type: 'command_line', id: 'door', name: 'The door', command },
    ],
    async close(): Promise<void> {
      await Promise.all([office.close(), school.close(), work.close(), club.close()]);
      for (const each of [folder, program]) rmSync(each, { recursive: true, force: true });
    },
  };
}
