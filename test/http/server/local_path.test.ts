import { expect, test } from 'vitest';
import { localPath } from '../../../src/http/server/local_path.ts';

const SERVER = 'https://auth.example.com';

test.each(['/', '/account/security', '/account?x=1&y=%2F%2Fevil', '/a//b'])('%s is a path of this server', (target) => {
  expect(localPath(target, SERVER)).toBe(target);
});

// K12
test.each([
  null,
  '',
  'account',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/x/..//evil.example',
  '/.//evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  ' //evil.example',
  'https://evil.example/',
  'https:/evil.example',
  'javascript:alert(1)',
  '/é',
  `/${'x'.repeat(4097)}`,
])('%j leads nowhere', (target) => {
  expect(localPath(target, SERVER)).toBeNull();
});
