import { Secret, TOTP } from 'otpauth';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formAction, visitor } from '../../../support/clients/page_visitor.ts';
import { perFile } from '../../../support/fixtures/per_file.ts';
import { OWNER, startServer } from '../../../support/fixtures/server.ts';

const PATH = '/account/security';
const ORIGIN = 'https://auth.example.com';
let browser: ReturnType<typeof visitor>;

const server = perFile(() =>
  startServer({ config: { auth_mfa_modules: [{ type: 'totp' }, { type: 'passkey' }, { type: 'recovery_codes' }] } }),
);
beforeAll(async () => {
  await server.createOwner();
});
beforeEach(async () => {
  await server.container.database.kysely.deleteFrom('mfa_enrolments').execute();
  browser = visitor(server);
});

/** Follows redirects of this server; a step of a login in between is answered. */
async function follow(url: string, answers: Record<string, string>[] = []): Promise<Response> {
  let answer = await browser.get(url);
  for (let hops = 0; hops < 10; hops++) {
    const location = answer.headers.get('location');
    if (location !== null) {
      expect(location.startsWith('/') || location.startsWith(`${ORIGIN}/`), location).toBe(true);
      url = location.replace(ORIGIN, '');
      answer = await browser.get(url);
      continue;
    }
    const fields = answers.shift();
    if (!fields) return answer;
    answer = await browser.submit(url, await answer.text(), fields);
  }
  throw new Error('in circles');
}

const password = () => ({ username: OWNER.username, password: OWNER.password });

/** The form of the page whose action ends so. */
function formOf(html: string, action: string): string {
  const form = html.split('<form').find((part) => part.includes(`${action}"`));
  if (form === undefined) throw new Error(`no form for ${action}`);
  return `<form${form}`;
}

function codeFor(secret: string, later = 0): string {
  return TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: server.clock().getTime() + 1000 * later });
}

async function addTotp(): Promise<string> {
  const page = await (await follow(PATH, [password()])).text();
  const setup = await (await browser.submit(PATH, formOf(page, '/totp/setup'), {})).text();
  const secret = /<code class="secret">([^<]*)</.exec(setup)?.[1]?.replaceAll(' ', '') ?? '';
  const done = await browser.submit(PATH, setup, { code: codeFor(secret) });
  expect([done.status, done.headers.get('location')]).toEqual([303, PATH]);
  return secret;
}

test('leads to the login and back without a session', async () => {
  const first = await browser.get(PATH);
  expect([first.status, first.headers.get('location')]).toEqual([303, '/login?next=%2Faccount%2Fsecurity']);
  const page = await follow(PATH, [password()]);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("form-action 'self'");
  const html = await page.text();
  expect(html).toContain('You have none yet.');
  expect(html).not.toMatch(/<script(?! src=)|style=|onclick/);
});

test('an authenticator app is added with a QR code that is an image of our own, and asked for from then on', async () => {
  const page = await (await follow(PATH, [password()])).text();
  const setup = await (await browser.submit(PATH, formOf(page, '/totp/setup'), {})).text();
  expect(setup).toContain('<img class="qr" src="data:image/svg+xml;base64,');
  const wrong = await (await browser.submit(PATH, setup, { code: '000000' })).text();
  expect(wrong).toContain('The code is wrong.');
  const secret = /<code class="secret">([^<]*)</.exec(wrong)?.[1]?.replaceAll(' ', '') ?? '';
  await browser.submit(PATH, wrong, { code: codeFor(secret) });
  const listed = await (await browser.get(PATH)).text();
  expect(listed).toContain('/remove');
  expect(listed).not.toContain(secret);
  // I7, I8: a password alone does not change it now, however fresh.
  const refused = await browser.submit(PATH, formOf(listed, '/remove'), {});
  // U10: the login says why it is there, and leads back to what was chosen.
  const login = refused.headers.get('location') ?? '';
  expect(login).toMatch(/^\/login\?next=%2Faccount%2Fsecurity%3Fresume%3D\w+&reason=reauth$/);
  expect(await (await follow(login)).text()).toContain('For your security, please log in again');
  const again = await (await follow(login, [password(), { code: codeFor(secret, 30) }])).text();
  expect(again.indexOf('You can continue here:')).toBeGreaterThan(0);
  expect(again.indexOf('/remove')).toBeLessThan(again.indexOf('class="factors"'));
  const removed = await browser.submit(PATH, formOf(again, '/remove'), {});
  expect([removed.status, removed.headers.get('location')]).toEqual([303, PATH]);
  expect(await (await browser.get(PATH)).text()).toContain('You have none yet.');
});

test('recovery codes are shown while they are added, and never again', async () => {
  const secret = await addTotp();
  const page = await (await follow('/login?next=/account/security', [password(), { code: codeFor(secret, 30) }])).text();
  const setup = await (await browser.submit(PATH, formOf(page, '/recovery_codes/setup'), {})).text();
  const codes = [...setup.matchAll(/<li><code>([^<]*)</g)].map(([, code]) => code ?? '');
  expect(codes).toHaveLength(10);
  await browser.submit(PATH, setup, { code: codes[7] ?? '' });
  const listed = await (await browser.get(PATH)).text();
  for (const code of codes) expect(listed).not.toContain(code);
  browser = visitor(server);
  const choice = { multi_factor_auth_module: 'recovery_codes' };
  const inside = await (await follow(PATH, [password(), choice, { code: codes[0] ?? '' }])).text();
  expect(inside).toContain('Recovery codes');
});

test('recovery codes are offered beside another factor alone', async () => {
  const page = await (await follow(PATH, [password()])).text();
  expect(page).not.toContain('/recovery_codes/setup');
});

test('an ended step leads back to the page', async () => {
  const page = await (await follow(PATH, [password()])).text();
  const setup = await (await browser.submit(PATH, formOf(page, '/totp/setup'), {})).text();
  server.advance(601);
  const over = await browser.submit(PATH, setup, { code: '000000' });
  expect(over.status).toBe(404);
  const href = /class="button" href="([^"]*)"/.exec(await over.text())?.[1] ?? '';
  expect((await browser.get(href)).headers.get('location')).toBe(PATH);
});

test('a form of another origin changes nothing', async () => {
  const page = await (await follow(PATH, [password()])).text();
  const forged = formOf(page, '/totp/setup').replace(/value="[^"]*"/, 'value="wrong"');
  expect((await browser.submit(PATH, forged, {})).status).toBe(403);
});

test('a login page offers passkeys to browsers that know them, hidden until then', async () => {
  const html = await (await follow('/login')).text();
  expect(html).toMatch(/<nav[^>]*hidden[^>]*data-needs-passkeys/);
  const [form = ''] = /<form[^>]*action="[^"]*auth_provider=passkey.*?<\/form>/s.exec(html) ?? [];
  const href = formAction(form, '');
  const passkey = await (await browser.submit(href, form, {})).text();
  expect(passkey).toContain('data-passkey-request="{&quot;challenge&quot;');
  expect(passkey).toContain('name="_flow_id"');
  expect(passkey).toMatch(/<script src="\/assets\/[0-9a-f]+-passkey\.js" defer/);
  const refused = await browser.submit(href, passkey, { credential: '{}' });
  expect(await refused.text()).toContain('This passkey does not log you in here.');
});

test('under an address where browsers know no passkeys, nobody is offered one, and the operator is warned', async () => {
  const config = { public_url: 'http://auth.example.com', auth_mfa_modules: [{ type: 'passkey' }] };
  const plain = await startServer({ config });
  await plain.createOwner();
  expect(plain.lines.join()).toContain('passkey cannot work at http://auth.example.com');
  const start = { client_id: 'http://auth.example.com/', redirect_uri: 'http://auth.example.com/', handler: ['passkey', null] };
  expect((await plain.inject({ method: 'POST', url: '/auth/login_flow', json: start })).statusCode).toBe(404);
  const page = await plain.inject({ url: `/auth/authorize?${new URLSearchParams({ response_type: 'code', ...start, handler: '' })}` });
  expect(page.body).not.toContain('passkey');
  await plain.close();
});

describe('/login', () => {
  // K12
  test.each(['//evil.example', '/\\evil.example', 'https://evil.example/', '/x/..//evil.example'])(
    '%s is nowhere to go afterwards',
    async (next) => {
      const query = new URLSearchParams({ next });
      const asked = await browser.get(`/login?${query}`);
      expect(asked.headers.get('location')).not.toContain('evil');
      const done = await browser.get(`/login/done?${query}`);
      expect([done.status, done.headers.get('location')]).toEqual([303, '/']);
    },
  );

  test('leaves no code', async () => {
    await follow('/login', [password()]);
    const codes = await server.container.database.kysely.selectFrom('authorization_codes').selectAll().execute();
    expect(codes.filter(({ client_id }) => client_id === `${ORIGIN}/`)).toEqual([]);
  });
});
