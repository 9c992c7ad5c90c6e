import { expect, it } from 'vitest';
import { z } from 'zod';
import { validate } from '../../../src/http/server/validate.ts';

const schema = z.strictObject({
  client_id: z.string(),
  handler: z.tuple([z.string().nullable(), z.string().nullable()]).optional(),
  count: z.int().min(1).optional(),
});

it.each<[unknown, string]>([
  [null, 'expected a dictionary'],
  [[], 'expected a dictionary'],
  ['text', 'expected a dictionary'],
  [{}, "required key not provided @ data['client_id']"],
  [{ client_id: 1 }, "expected str for dictionary value @ data['client_id']"],
  [{ client_id: null }, "expected str for dictionary value @ data['client_id']"],
  [{ client_id: 'x', foo: 1 }, "extra keys not allowed @ data['foo']"],
  [{ client_id: 'x', handler: 'x' }, "expected list for dictionary value @ data['handler']"],
  [{ client_id: 'x', handler: ['a', 1] }, "expected str for dictionary value @ data['handler'][1]"],
  [{ client_id: 'x', count: 0 }, "not a valid value for dictionary value @ data['count']"],
])('tells the first problem of %j as voluptuous does', (input, detail) => {
  expect(() => validate(schema, input)).toThrowError(
    expect.objectContaining({ code: 'invalid_format', description: `Message format incorrect: ${detail}` }),
  );
});

it('gives back what fits', () => {
  expect(validate(schema, { client_id: 'x', handler: ['a', null] })).toEqual({ client_id: 'x', handler: ['a', null] });
});
