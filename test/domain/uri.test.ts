import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asciiAuthority, asciiOnly, parseUri, resolveUri } from '../../src/domain/uri.ts';

test('a URI is taken apart as it is written', () => {
  const table: [string, ReturnType<typeof parseUri>][] = [
    ['HTTP://EX.com:80/A/../b?q#f', { scheme: 'http', authority: 'EX.com:80', path: '/A/../b', query: 'q', fragment: 'f' }],
    ['http://ex.com', { scheme: 'http', authority: 'ex.com', path: '', query: undefined, fragment: undefined }],
    ['http:///x?#', { scheme: 'http', authority: '', path: '/x', query: '', fragment: '' }],
    ['app:cb', { scheme: 'app', authority: undefined, path: 'cb', query: undefined, fragment: undefined }],
  ];
  for (const [text, want] of table) expect(parseUri(text)).toEqual(want);
  expect(
    ['', '/cb', '//ex.com', '1a:b', 'a b:c', 'ex.com/:x', 'http://a\\b', 'http://a/\t', 'http://a/\u00a0', 'http://a/\ud800'].map(parseUri),
  ).toEqual(Array(10).fill(null));
});

test('a reference resolves as Python urljoin resolves it', () => {
  const base = 'http://h/a/b/?q=1#f';
  const table: [string, string, string][] = [
    [base, '', base],
    [base, 'x', 'http://h/a/b/x'],
    [base, '../x', 'http://h/a/x'],
    [base, '../../../../x', 'http://h/x'],
    [base, '..', 'http://h/a/'],
    [base, '/./x//y/', 'http://h/x//y/'],
    [base, 'x//y', 'http://h/a/b/x/y'],
    [base, '?q=2', 'http://h/a/b/?q=2'],
    [base, '?', 'http://h/a/b/?q=1'],
    [base, '#g', 'http://h/a/b/?q=1#g'],
    [base, '//x.com/y', 'http://x.com/y'],
    [base, '///y', 'http://h/y'],
    [base, 'http:x', 'http://h/a/b/x'],
    [base, 'HTTP://X/y?', 'http://X/y'],
    [base, 'hass://cb?', 'hass://cb?'],
    ['http://h', 'x', 'http://h/x'],
    ['http://h', '../x', 'http://h/x'],
    ['http://h//x//y', 'z', 'http://h/x/z'],
  ];
  for (const [from, reference, want] of table) expect(resolveUri(from, reference)).toBe(want);
});

test('a relative reference never leaves the host of its base', () => {
  const references = fc
    .array(fc.constantFrom('.', '/', '..', 'a', '@', ':', 'evil.test'), { maxLength: 8 })
    .map((parts) => `x${parts.join('')}`);
  fc.assert(
    fc.property(references, fc.constantFrom('http://h', 'http://h/', 'http://h/a/b'), (reference, base) => {
      if (parseUri(reference) === null) expect(parseUri(resolveUri(base, reference))?.authority).toBe('h');
    }),
  );
});

test('a host is shown in ASCII, whatever its letters', () => {
  const table: [string, string][] = [
    ['ex.com:8123', 'ex.com:8123'],
    ['[fd00::1]', '[fd00::1]'],
    ['[fd00::1]:80', '[fd00::1]:80'],
    ['аpple.com', 'xn--pple-43d.com'],
    ['münchen.example:80', 'xn--mnchen-3ya.example:80'],
    ['a\u202eb', 'a%E2%80%AEb'],
    ['', ''],
  ];
  for (const [authority, want] of table) expect(asciiAuthority(authority)).toBe(want);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[\x21-\x7e]*$/.test(asciiAuthority(text) + asciiOnly(text))));
});
