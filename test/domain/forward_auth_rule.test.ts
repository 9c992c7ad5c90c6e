import { describe, expect, it } from 'vitest';
import { demandOf, type ForwardAuthRule, isMetBy } from '../../src/domain/forward_auth_rule.ts';

const RULES: ForwardAuthRule[] = [
  { host: 'a.example.com', paths: ['/admin'], groups: ['admins'] },
  { host: 'a.example.com', groups: ['family', 'guests'], public_paths: ['/assets', '/index.html'] },
  { host: 'b.example.com', paths: ['/app/'] },
];

/** Who of three people is let through. */
function letThrough(uri: string, host = 'a.example.com'): string {
  const demand = demandOf(RULES, host, uri);
  if (!demand) return 'nobody';
  if (demand.is_public) return 'everybody';
  const people = Object.entries({ admin: ['admins', 'family'], guest: ['guests'], stranger: ['others'] });
  return people.flatMap(([name, groups]) => (isMetBy(demand, groups) ? [name] : [])).join(' ') || 'none of them';
}

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

it('a path of more than 8192 characters is for nobody', () => {
  expect(letThrough(`/${'a'.repeat(8192)}`)).toBe('nobody');
});

it('a host that no rule names is closed, and so is what no rule of a host is about', () => {
  expect(letThrough('/', 'c.example.com')).toBe('nobody');
  expect(letThrough('/', 'b.example.com')).toBe('nobody');
  expect(letThrough('/app', 'b.example.com')).toBe('nobody');
  expect(letThrough('/app/x', 'b.example.com')).toBe('admin guest stranger');
  expect(letThrough('/app/../x', 'b.example.com')).toBe('nobody');
});
