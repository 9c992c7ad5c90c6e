import { readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { AuthProvider, CommonProviderConfig, ProviderDeps, ProviderStep, StepContext } from '../../../src/domain/auth_provider.ts';
import { createThrottle } from '../../../src/login/throttle.ts';
import { ldapConfig } from '../../../src/providers/ldap/config.ts';
import { provider as type } from '../../../src/providers/ldap/index.ts';
import { createFailedLoginRepository } from '../../../src/repository/failed_logins.ts';
import { createIpBanRepository } from '../../../src/repository/ip_bans.ts';
import { directory, dnOf, groupDn, PLACES } from '../../support/fakes/directory.ts';
import {
  type Certificates,
  makeCertificates,
  newFolder,
  SERVICE,
  type Slapd,
  slapdMissing,
  startSlapd,
} from '../../support/fakes/slapd.ts';
import { createTestClock } from '../../support/fixtures/clock.ts';
import { createTestDatabase } from '../../support/fixtures/database.ts';

const missing = slapdMissing();
if (missing !== null) console.warn(`The tests of the ldap provider are skipped: ${missing}`);

describe.skipIf(missing !== null)('ldap', () => {
  const PASSWORD = 'correct horse';
  const folder = newFolder();
  const time = createTestClock();
  let certificates: Certificates;
  let office: Slapd;
  let school: Slapd;

  beforeAll(async () => {
    certificates = makeCertificates(folder);
    [office, school] = await Promise.all([startSlapd(directory(PASSWORD), certificates), startSlapd(directory('other'), certificates)]);
  });
  afterAll(async () => {
    await Promise.all([office?.close(), school?.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  type Settings = Record<string, unknown>;
  function create(settings: Settings = {}): AuthProvider {
    const { id, ...own } = settings;
    const common: CommonProviderConfig = { type: 'ldap', id: id as string, new_users: 'approve', default_groups: [], require_mfa: false };
    const search = 'user_dn' in own ? {} : { base_dn: PLACES.people, ...SERVICE };
    const block = { url: `ldap://127.0.0.1:${office.port}`, ca_file: certificates.ca, ...search, ...own };
    const warn = (message: string) => void warnings.push(message);
    // The other parts are not asked.
    return type.create({ ...common, ...ldapConfig.parse(block) }, { clock: time.clock, warn } as ProviderDeps);
  }

  const warnings: string[] = [];
  const names: string[] = [];
  const verdicts: (boolean | 'not judged')[] = [];
  const context: StepContext = {
    flow_id: '',
    remote_address: '198.51.100.7',
    callback_url: '',
    async attempt(name, guess) {
      names.push(name);
      verdicts.push('not judged');
      const right = await guess();
      verdicts.splice(-1, 1, right);
      return right;
    },
  };
  const login = (at: AuthProvider, username = 'alice', password = PASSWORD, by = context) =>
    at.step({ values: { username, password }, state: {}, context: by });
  const form = (base?: string) => ({ type: 'form', step_id: 'init', errors: base === undefined ? {} : { base } });
  const wrong = form('invalid_auth');
  const unavailable = (detail: RegExp) => ({ ...form('provider_unavailable'), detail: expect.stringMatching(detail) });
  async function identityOf(step: Promise<ProviderStep>) {
    const found = await step;
    return found.type === 'identity' ? found.identity : found;
  }

  it('a fresh form asks for a username and a password, and asks the directory nothing', async () => {
    await office.asked();
    expect(await create().step({ values: null, state: {}, context })).toMatchObject(form());
    expect(await office.asked()).toEqual([]);
  });

  // S11: people edit their own entry.
  it('an address counts as verified only where the operator trusts the directory in that', async () => {
    const trusted = { email: 'alice@example.org', email_verified: true };
    expect(await login(create())).not.toHaveProperty('identity.email');
    expect(await login(create({ trust_email: true }))).toMatchObject({ identity: trusted });
  });

  // W17
  it('asks in form NFC where the name or the password as it came is refused', async () => {
    await office.asked();
    expect(await login(create(), 'mu\u0308ller')).toMatchObject(form('invalid_auth'));
    const filters = (await office.asked()).filter((line) => line.startsWith('SRCH'));
    expect(filters).toHaveLength(2);
  });

  it('a login says what the directory knows, in three binds and one search of one connection', async () => {
    await office.asked();
    const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const data = { username: 'alice' };
    const identity = { subject: uuid, data, name: 'Alice Archer', unverified_email: 'alice@example.org', groups: [], amr: ['pwd'] };
    expect(await login(create())).toEqual({ type: 'identity', identity });
    // One thread of the directory writes who connects, another what they ask: only the latter stand
    // in order.
    const lines = await office.asked();
    expect(lines.filter((line) => line.startsWith('ACCEPT'))).toHaveLength(1);
    expect(lines.filter((line) => !line.startsWith('ACCEPT'))).toEqual([
      'STARTTLS',
      `BIND dn="${SERVICE.bind_dn}" method=128`,
      `SRCH base="${PLACES.people}" scope=2 deref=0 filter="(uid=alice)"`,
      `BIND dn="${dnOf('alice')}" method=128`,
      `BIND dn="${SERVICE.bind_dn}" method=128`,
    ]);
  });

  describe('a login', () => {
    test.each<[string, string, string, boolean]>([
      ['with the right password is accepted', 'alice', PASSWORD, true],
      ['with a wrong password is not', 'alice', 'Correct horse', false],
      ['with a blank after the password is not', 'alice', `${PASSWORD} `, false],
      ['of a name that nobody has is not', 'nobody', PASSWORD, false],
      ['of an entry without a password is not', 'carol', PASSWORD, false],
      ['of an entry that is on another server is not, and that server is not asked', 'away', PASSWORD, false],
      ['with blanks around the name is accepted', ' alice\u3000', PASSWORD, true],
      ['in another case is accepted where the directory says so', 'ALICE', PASSWORD, true],
      ['with a name beyond ASCII is accepted', 'Zoë', PASSWORD, true],
      ['with a name full of what filters are made of is accepted', 'star*(x)\\', PASSWORD, true],
    ])('%s', async (_story, username, password, ok) => {
      expect(await login(create(), username, password)).toMatchObject(ok ? { type: 'identity' } : wrong);
      expect(verdicts.at(-1)).toBe(ok);
    });
  });

  // K5
  test.each([
    ['*', '(uid=\\2A)'],
    ['*)(uid=*', '(uid=\\2A\\29\\28uid=\\2A)'],
    ['\\00', '(uid=\\5C00)'],
    ['(|(a=*', '(uid=\\28|\\28a=\\2A)'],
    ['alice)(cn=*))(|(cn=*', '(uid=alice\\29\\28cn=\\2A\\29\\29\\28|\\28cn=\\2A)'],
    ['{username}', '(uid={username})'],
  ])('the name %s is looked for as it is, in one search', async (username, filter) => {
    await office.asked();
    expect(await login(create(), username)).toMatchObject(wrong);
    const searches = (await office.asked()).filter((line) => line.startsWith('SRCH'));
    expect(searches).toEqual([expect.stringContaining(`filter="${filter}"`)]);
  });

  // K6
  test.each([
    ['an empty password', 'alice', ''],
    ['a password with a NUL', 'alice', '\0'],
    ['an empty name', ' ', PASSWORD],
    ['a name with a NUL', 'alice\0', PASSWORD],
    ['a name with a line end', 'alice\nx', PASSWORD],
    ['a name without end', 'a'.repeat(257), PASSWORD],
  ])('%s is refused before the directory hears of it, and counts as wrong', async (_story, username, password) => {
    await office.asked();
    for (const at of [create(), create({ user_dn: `uid={username},${PLACES.people}` })]) {
      expect(await login(at, username, password)).toMatchObject(wrong);
      expect(verdicts.at(-1)).toBe(false);
    }
    expect(await office.asked()).toEqual([]);
  });

  // H5
  it('guesses are counted under one name, however it is spelled', async () => {
    names.length = 0;
    for (const username of ['alice', 'ALICE ', 'al\u00adice', 'álice', '\u200dalice', 'ａlice']) await login(create(), username, 'wrong');
    expect(new Set(names)).toEqual(new Set(['alice']));
  });

  it('the name that is kept is spelled as the directory spells it, and the subject is the same', async () => {
    const [typed, shouted] = await Promise.all([identityOf(login(create())), identityOf(login(create(), 'ALICE'))]);
    expect(shouted).toEqual(typed);
  });

  it('of several entries that match none is taken', async () => {
    const at = create({ user_filter: '(|(uid={username})(mail={username}))' });
    expect(await login(at, 'alice@example.org')).toMatchObject({ type: 'identity', identity: { data: { username: 'alice' } } });
    expect(await login(at, 'shared@example.org')).toMatchObject({ ...wrong, detail: 'several entries match user_filter' });
  });

  describe('the subject', () => {
    test.each([
      ['can be the name of the entry', 'dn', dnOf('bob')],
      ['can be any attribute with one value', 'uid', 'bob'],
    ])('%s', async (_story, subject, value) => {
      expect(await login(create({ attributes: { subject } }), 'bob')).toMatchObject({ identity: { subject: value } });
    });

    it('is never replaced or picked among several: then the directory cannot be used, which no guess is blamed for', async () => {
      const none = create({ attributes: { subject: 'employeeNumber' } });
      for (let time = 0; time < 6; time += 1) expect(await login(none, 'bob')).toMatchObject(unavailable(/no value of employeeNumber/));
      expect(verdicts.at(-1)).toBe('not judged');
      const several = create({ attributes: { subject: 'description' } });
      expect(await login(several, 'bob')).toMatchObject(unavailable(/several values of description/));
    });
  });

  describe('groups', () => {
    const group_base_dn = PLACES.groups;
    const chain = (length: number) => Array.from({ length }, (_, index) => `chain-${index + 1}`);
    test.each<[string, Settings, string, string[]]>([
      ['are those that name the person', { group_base_dn }, 'alice', ['staff']],
      ['are none where none does', { group_base_dn }, 'zoë', []],
      ['can be told by their entry', { group_base_dn, group_name: 'dn' }, 'alice', [groupDn('staff')]],
      ['can be found by the username', { group_base_dn, group_filter: '(cn=of-{username})' }, 'Zoë', ['of-zoë']],
      ['can stand in the entry', { attributes: { groups: 'description' } }, 'bob', ['one', 'two']],
      ['in a circle are found once', { group_base_dn, nested_groups: true }, 'alice', ['staff', 'everyone']],
      ['within groups are found ten deep and no further', { group_base_dn, nested_groups: true }, 'dave', chain(10)],
      [
        'of a filter without parentheses are found in groups too',
        { group_base_dn, nested_groups: true, group_filter: 'member={dn}' },
        'bob',
        ['everyone', 'staff'],
      ],
    ])('%s', async (_story, settings, username, groups) => {
      expect(await login(create(settings), username)).toMatchObject({ type: 'identity', identity: { groups } });
    });

    test.each<[string, Settings, string, boolean]>([
      ['lets its members in', { required_group: 'staff' }, 'alice', true],
      ['lets nobody else in', { required_group: 'staff' }, 'dave', false],
      // W18
      [
        'can be named by its entry, with blanks',
        { required_group: groupDn('STAFF').replaceAll(',', ' ,  ').replaceAll('=', ' = ') },
        'alice',
        true,
      ],
      ['can be named by its entry, in any case', { required_group: groupDn('STAFF') }, 'alice', true],
      ['does not know the members of its groups', { required_group: 'everyone' }, 'alice', false],
      ['knows them when told', { required_group: 'everyone', nested_groups: true }, 'alice', true],
    ])('a required one %s', async (_story, settings, username, ok) => {
      expect(await login(create({ group_base_dn, ...settings }), username)).toMatchObject(ok ? { type: 'identity' } : wrong);
    });
  });

  describe('without a search', () => {
    const direct = () => create({ user_dn: `uid={username},${PLACES.people}`, group_base_dn: PLACES.groups });
    test.each<[string, string, string, boolean]>([
      ['the right password is accepted', 'alice', PASSWORD, true],
      ['a wrong one is not', 'alice', 'wrong', false],
      ['a name that nobody has is not', 'nobody', PASSWORD, false],
      ['a name full of what names are made of is accepted', 'o,brien+', PASSWORD, true],
      ['a name stays within its part of the entry', `alice,${PLACES.people}`, PASSWORD, false],
    ])('%s', async (_story, username, password, ok) => {
      expect(await login(direct(), username, password)).toMatchObject(ok ? { type: 'identity' } : wrong);
    });

    it('the person asks for their own entry and groups', async () => {
      expect(await login(direct())).toMatchObject({ identity: { name: 'Alice Archer', groups: ['staff'] } });
    });
  });

  describe('a connection', () => {
    const ldap = () => `ldap://127.0.0.1:${office.port}`;
    const ldaps = () => `ldaps://127.0.0.1:${office.tls_port}`;
    const byName = () => ldaps().replace('127.0.0.1', 'localhost');
    test.each<[string, () => Settings, boolean]>([
      ['to a ldaps URL is encrypted', () => ({ url: ldaps() }), false],
      ['by a host name is encrypted', () => ({ url: byName() }), false],
      ['under another name of the certificate is encrypted', () => ({ url: ldaps(), server_name: 'ldap.example.test' }), false],
      ['to an ldap URL is encrypted with StartTLS', () => ({ url: ldap() }), true],
      ['under another name after StartTLS too', () => ({ url: ldap(), server_name: 'ldap.example.test' }), true],
      ['is in the clear when the operator says so', () => ({ url: ldap(), start_tls: false }), false],
    ])('%s', async (_story, settings, started) => {
      await office.asked();
      expect(await login(create(settings()))).toMatchObject({ type: 'identity' });
      expect((await office.asked()).includes('STARTTLS')).toBe(started);
    });

    // K7
    test.each<[string, () => Settings, RegExp]>([
      ['from an unknown authority', () => ({ url: ldaps(), ca_file: certificates.other_ca }), /self-signed|unable to verify/],
      [
        'from an unknown authority, after StartTLS',
        () => ({ url: ldap(), ca_file: certificates.other_ca }),
        /self-signed|unable to verify/,
      ],
      ['that the machine does not know', () => ({ url: ldaps(), ca_file: undefined }), /self-signed|unable to verify/],
      ['for another name', () => ({ url: ldaps(), server_name: 'other.example.test' }), /does not match/],
      ['for another name, after StartTLS', () => ({ url: ldap(), server_name: 'other.example.test' }), /does not match/],
      ['of an authority whose file is gone', () => ({ url: ldaps(), ca_file: '/nonexistent.pem' }), /ENOENT.*nonexistent/],
    ])('with a certificate %s is not used, and no guess is blamed for it', async (_story, settings, detail) => {
      await office.asked();
      expect(await login(create(settings()))).toMatchObject(unavailable(detail));
      expect(verdicts.at(-1)).toBe('not judged');
      expect((await office.asked()).filter((line) => line.startsWith('BIND'))).toEqual([]);
    });

    it('is judged by its certificate even where the process was told to judge none', async () => {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      try {
        const at = create({ url: ldaps(), ca_file: certificates.other_ca });
        expect(await login(at)).toMatchObject(unavailable(/self-signed|unable to verify/));
      } finally {
        delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      }
    });

    test.each<[string, Settings, RegExp]>([
      ['a wrong service password', { bind_password: 'wrong' }, /refuses bind_dn with bind_password/],
      ['a base that is not there', { base_dn: 'ou=none,dc=example,dc=org' }, /Code: 0x20/],
    ])('%s is the directory being unavailable', async (_story, settings, detail) => {
      expect(await login(create(settings))).toMatchObject(unavailable(detail));
      expect(verdicts.at(-1)).toBe('not judged');
      expect(warnings.at(-1)).toMatch(detail);
    });

    test.each<[string, (socket: net.Socket) => void, RegExp]>([
      ['hangs up', (socket) => socket.destroy(), /closed|reset|ended/i],
      [
        'never stops talking',
        (socket) => socket.write(Buffer.concat([Buffer.from('30847fffffff', 'hex'), Buffer.alloc(2 ** 21)])),
        /more than/,
      ],
    ])('with a server that %s ends', async (_story, answer, detail) => {
      const server = net.createServer((socket) => {
        socket.on('error', () => {}).once('data', () => answer(socket));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as net.AddressInfo;
      expect(await login(create({ url: `ldap://127.0.0.1:${port}`, start_tls: false }))).toMatchObject(unavailable(detail));
      await new Promise((resolve) => server.close(resolve));
    });

    it('reads nothing after StartTLS that came before it', async () => {
      // RFC 4511: answers of success to StartTLS (message 2) and, slipped in behind it, the first
      // half of one to the bind that follows.
      const answer = '300c02010278070a010004000400';
      const slipped = '303002010261070a01000400048120';
      const server = net.createServer((socket) => {
        socket
          .on('error', () => {})
          .once('data', () => {
            socket.write(Buffer.from(answer + slipped, 'hex'));
            const secure = new tls.TLSSocket(socket, {
              isServer: true,
              key: readFileSync(certificates.key),
              cert: readFileSync(certificates.certificate),
            });
            // A bind that is refused (49).
            secure.on('error', () => {}).once('data', () => secure.write(Buffer.from('300c02010261070a013104000400', 'hex')));
          });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as net.AddressInfo;
      expect(await login(create({ url: `ldap://127.0.0.1:${port}` }))).toMatchObject(unavailable(/refuses bind_dn/));
      await new Promise((resolve) => server.close(resolve));
    });

    it('says what is wrong without a password in it', () => {
      expect(warnings.filter((warning) => [PASSWORD, SERVICE.bind_password].some((secret) => warning.includes(secret)))).toEqual([]);
    });

    it('is never left open', async () => {
      expect(await office.connections()).toBe(0);
    });
  });

  // K7, X32
  describe('a directory that is', () => {
    it('stopped is distinguished from a wrong password, left alone after five failures, and tried again 30 seconds later', async () => {
      const at = create();
      await office.stop();
      for (let time = 0; time < 5; time += 1) expect(await login(at)).toMatchObject(unavailable(/ECONNREFUSED/));
      const told = warnings.length;
      expect(await login(at)).toMatchObject(unavailable(/not tried/));
      expect(warnings).toHaveLength(told);
      expect(warnings.at(-1)).toMatch(/^auth provider ldap:: connect ECONNREFUSED/);
      await office.start();
      time.advance(29);
      expect(await login(at)).toMatchObject(unavailable(/not tried/));
      time.advance(1);
      expect(await login(at)).toMatchObject({ type: 'identity' });
      expect(await login(at, 'alice', 'wrong')).toMatchObject(wrong);
    });

    it('frozen is given up on within 6 seconds, holds nobody against it, and harms no other', async () => {
      const db = await createTestDatabase();
      try {
        const tables = { failedLogins: createFailedLoginRepository(db.database), ipBans: createIpBanRepository(db.database) };
        const limits = { threshold: 10, ban_duration: 3600, trusted_proxies: [] };
        const throttle = createThrottle({ ...tables, ...limits, clock: time.clock, audit: { record: () => {} } });
        const from = (remote_address: string): StepContext => ({
          ...context,
          remote_address,
          attempt: (name, guess) => throttle.attempt(remote_address, name, guess),
        });
        const counted = () => db.database.kysely.selectFrom('failed_logins').selectAll().execute();

        const frozen = create({ id: 'office' });
        const other = create({ id: 'school', url: `ldap://127.0.0.1:${school.port}` });
        office.freeze();
        const began = performance.now();
        const people = Array.from({ length: 5 }, (_, index) => login(frozen, `person-${index}`, 'wrong', from(`198.51.100.${index}`)));
        expect(await login(other, 'alice', 'other')).toMatchObject({ type: 'identity' });
        expect(performance.now() - began).toBeLessThan(2000);
        for (const step of await Promise.all(people)) expect(step).toMatchObject(unavailable(/no answer within/));
        expect(performance.now() - began).toBeLessThan(6000);
        expect(await counted()).toEqual([]);
        expect(await login(frozen)).toMatchObject(unavailable(/not tried/));
        office.thaw();
        time.advance(30);
        expect(await login(frozen)).toMatchObject({ type: 'identity' });
        expect(await office.connections()).toBe(0);
        await login(frozen, 'alice', 'wrong', from('198.51.100.7'));
        expect(await counted()).toHaveLength(1);
      } finally {
        office.thaw();
        await db.close();
      }
    });

    it('one of two knows its own passwords alone', async () => {
      const other = create({ id: 'school', url: `ldap://127.0.0.1:${school.port}` });
      expect([other.auth_provider_type, other.auth_provider_id]).toEqual(['ldap', 'school']);
      expect(await login(other, 'alice', PASSWORD)).toMatchObject(wrong);
      const [here, there] = await Promise.all([login(create()), login(other, 'alice', 'other')].map(identityOf));
      expect(here).toMatchObject({ data: { username: 'alice' } });
      expect(there).toMatchObject({ data: { username: 'alice' } });
    });
  });
});
