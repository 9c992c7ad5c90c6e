// Rules between the fields of a block, reported together with errors in the fields; a rule is
// skipped only if a field that it reads is itself invalid.
import type { z } from 'zod';

/** A rule: the field it is reported at, its message, and its predicate. */
export type SchemaRule<Config> = [key: keyof Config & string, error: string, holds: (config: Config) => boolean];

export function withRules<Schema extends z.ZodObject>(schema: Schema, rules: readonly SchemaRule<z.output<Schema>>[]): Schema {
  return rules.reduce<Schema>(
    (ruled, [key, error, holds]) =>
      ruled.refine(holds as (config: unknown) => boolean, {
        path: [key],
        error,
        when: ({ value, issues }) => {
          const read = fieldsRead(holds as (config: unknown) => boolean, value);
          return read !== null && !issues.some(({ path }) => read.has(String(path?.[0])));
        },
      }),
    schema,
  );
}

/** The fields that the rule reads for this value; null if it cannot be evaluated. */
function fieldsRead(holds: (config: unknown) => boolean, value: unknown): Set<string> | null {
  if (typeof value !== 'object' || value === null) return null;
  const read = new Set<string>();
  const get = (target: object, key: string | symbol) => {
    read.add(String(key));
    return Reflect.get(target, key);
  };
  try {
    holds(new Proxy(value, { get }));
    return read;
  } catch {
    return null;
  }
}
