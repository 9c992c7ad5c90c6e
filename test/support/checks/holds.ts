// Asserts a property of fast-check, and shows the counterexample otherwise.
import fc from 'fast-check';
import { expect } from 'vitest';

export function holds(property: fc.IProperty<unknown>, parameters: Pick<fc.Parameters, 'numRuns'> = {}): void {
  expect(fc.check(property, parameters)).toMatchObject({ counterexample: null, failed: false });
}
