import { expect, test } from 'vitest';
import { pathText } from '../../src/domain/json.ts';

test('a path is written as one reads it', () => {
  expect(pathText(['auth_providers', 1, 'default_groups', 0])).toBe('auth_providers[1].default_groups[0]');
  expect(pathText([])).toBe('');
});
