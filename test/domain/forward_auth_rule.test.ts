import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRules, type ForwardAuthRule, requirementFor, satisfiesRequirement } from '../../src/domain/forward_auth_rule.ts';
import { holds } from '../support/checks/holds.ts';

const RULES: ForwardAuthRule[] = [
  { host: 'a.example.com', paths: ['/admin'], groups: ['admins'] },
  { host: 'a.example.com', groups: ['family', 'guests'], public_paths: ['/assets', '/index.html'] },
  { host: 'b.example.com', paths: ['/app/'] },
  { host: 'd.example.com', paths: ['/Panel/'], groups: ['admins'] },
  { host: 'd.example.com', paths: ['/api'], groups: ['family', 'guests'], allow_preflight: true },
  { host: 'd.example.com', groups: ['family', 'guests'], public_paths: ['/Public'] },
];
const COMPILED = compileRules(RULES);

/** Who of three people is let through. */
function letThrough(uri: string, host = 'a.example.com'): string {
  const demand = requirementFor(COMPILED, host, uri);
  if (!demand) return 'nobody';
  if (demand.is_public) return 'everybody';
  const people = Object.entries({ admin: ['admins', 'family'], guest: ['guests'], stranger: ['others'] });
  return people.flatMap(([name, groups]) => (satisfiesRequirement(demand, groups) ? [name] : [])).join(' ') || 'none of them';
}

describe('the login that a rule demands', () => {
  const rules = compileRules([
    { host: 'a.example.com', paths: ['/Admin'], acr: '2', max_age: 600 },
    { host: 'a.example.com', paths: ['/old'], max_age: 3600 },
    { host: 'a.example.com', acr: '1', public_paths: ['/open'] },
  ]);

  it.each([
    ['/', '1', null],
    ['/Admin/x', '2', 600],
    ['/admin', '2', 600], // may be the same for the app
    ['/old', null, 3600],
    ['/x/../Admin', '2', 600],
    ['/%41dmin', '2', 600],
  ])('for %s is acr %s and max_age %s', (uri, acr, max_age) => {
    expect(requirementFor(rules, 'a.example.com', uri)?.login).toEqual({ acr, max_age });
  });

  it('is none for a public path', () => {
    expect(requirementFor(rules, 'a.example.com', '/open/x')).toMatchObject({ is_public: true, login: { acr: null, max_age: null } });
  });
});

describe('a path on a protected host', () => {
  it.each([
    ['/', 'admin guest'],
    ['/?x=/admin', 'admin guest'],
    ['/administrator', 'admin guest'],
    ['/admin', 'admin'],
    ['/admin/', 'admin'],
    ['/admin?x', 'admin'],
    ['/admin/users/1', 'admin'],
    ['/assets/app.js', 'everybody'],
    ['/index.html', 'everybody'],
    ['/index.html.bak', 'admin guest'],
    ['/api/projects/group%2Fproject', 'admin guest'],
    ['/b%C3%BCro', 'admin guest'],
    ['/100%25', 'admin guest'],
  ])('%s is for %s', (uri, people) => {
    expect(letThrough(uri)).toBe(people);
  });

  // M19
  it.each([
    '//admin',
    '///admin/x',
    '/./admin',
    '/x/../admin',
    '/../admin',
    '/admin/../',
    '/%61dmin',
    '/%2561dmin',
    '/%2e/admin',
    '/x/%2e%2e/admin',
    '/x/%252e%252e/admin',
    '/x%2f..%2fadmin',
    '/x/..%5cadmin',
    '/x\\..\\admin',
    '/%2fadmin',
    '/admin;x=1',
    '/x/..;/admin',
    '/x/..;a=b/admin',
    '/assets/../admin',
    '/assets/..%2fadmin',
    '/assets/%2e%2e/admin',
    '/assets//../../admin',
    '/assets/..;/admin',
  ])('%s is for admins, however it is written', (uri) => {
    expect(letThrough(uri)).toBe('admin');
  });

  // M19
  it.each(['/assets/../', '/assets/..', '/assets/%2e%2e/secret', '/assets/..;/secret', '/assets/..\\secret', '//assets/x'])(
    '%s is not public',
    (uri) => {
      expect(letThrough(uri)).toBe('admin guest');
    },
  );

  // M19
  it.each([
    '',
    'admin',
    'http://a.example.com/',
    '*',
    '/a b',
    '/a\tb',
    '/\u00e9',
    '/a#b',
    '/%',
    '/%zz',
    '/%u002e',
    '/a%00',
    '/a%0d%0a',
    '/%2500',
    '/%c0%ae%c0%ae/admin',
  ])('%j is for nobody', (uri) => {
    expect(letThrough(uri)).toBe('nobody');
  });
});

// S6
describe('a path on a host that ignores case', () => {
  it.each([
    ...['/ADMIN', '/Admin/users', '/aDmIn;x', '//ADMIN', '/x/../ADMIN', '/%41dmin', '/%2541DMIN', '/x/%2E%2E/ADMIN', '/ADMIN%2f'],
    ...['/admin.', '/admin./x', '/ADMIN%20', '/admin%2e', '/adm%C4%B1n', '/adm%c4%b0n'],
  ])('%s is for admins', (uri) => {
    expect(letThrough(uri)).toBe('admin');
  });

  it.each(['/Panel', '/Panel/', '/panel', '/PANEL/x', '/panel/'])('%s is for admins, with a slash at its end or without', (uri) => {
    expect(letThrough(uri, 'd.example.com')).toBe('admin');
  });

  it.each(['/public/x', '/PUBLIC', '/Public/../x'])('%s is public only as it is written in the rule', (uri) => {
    expect(letThrough(uri, 'd.example.com')).toBe('admin guest');
    expect(letThrough('/Public/x', 'd.example.com')).toBe('everybody');
  });

  it('no spelling of a protected path is open to anyone who may not see the path itself', () => {
    const letter = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.toUpperCase(),
      (text) => `%${text.charCodeAt(0).toString(16)}`,
      (text) => `%${text.toUpperCase().charCodeAt(0).toString(16)}`,
      (text) => `%25${text.charCodeAt(0).toString(16)}`,
    );
    const before = fc.constantFrom(
      '/',
      '//',
      '/./',
      '/x/../',
      '/assets/../',
      '/%2e/',
      '/assets/%2E%2E/',
      '/assets/..;a/',
      '/x%2f..%2F',
      '\\',
    );
    const after = fc.constantFrom('', '/', '//', '/users', ';x=1', '%2fusers', '/.', '/%2e', '.', '%20', '?x', '/x/..');
    const spelling = fc
      .tuple(before, fc.array(letter, { minLength: 5, maxLength: 5 }), after)
      .map(
        ([start, letters, end]) =>
          `${start.startsWith('/') ? '' : '/'}${start}${[...'admin'].map((one, at) => letters[at]!(one)).join('')}${end}`,
      );
    holds(
      fc.property(spelling, (uri) => ['admin', 'nobody', 'none of them'].includes(letThrough(uri))),
      { numRuns: 2000 },
    );
  });
});

// W15
it('a CORS preflight passes where every reading of its path is below a rule that lets it', () => {
  const passes = (uri: string) => requirementFor(COMPILED, 'd.example.com', uri)?.allows_preflight ?? false;
  expect(['/api', '/api/x', '/API/x', '/', '/api/../x', '/api%2f..%2fx', '/panel'].map(passes)).toEqual([
    ...[true, true, false, false, false, false, false],
  ]);
});

it('a path of more than 8192 characters is refused to everybody', () => {
  expect(letThrough(`/${'a'.repeat(8192)}`)).toBe('nobody');
});

it('a host without rules is closed, and so is a path that no rule of its host covers', () => {
  expect(letThrough('/', 'c.example.com')).toBe('nobody');
  expect(letThrough('/', 'b.example.com')).toBe('nobody');
  expect(letThrough('/app', 'b.example.com')).toBe('nobody');
  expect(letThrough('/app/x', 'b.example.com')).toBe('admin guest stranger');
  expect(letThrough('/app/../x', 'b.example.com')).toBe('nobody');
});
