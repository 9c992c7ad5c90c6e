// Compiles a Kysely query once: members of `p` become parameters that each run fills in.
import type { Compilable, Kysely, RawBuilder } from 'kysely';
import type { Schema } from './schema.ts';

/**
 * Builds the query; members of `p` stand for values of later runs and may only be passed as
 * parameters.
 */
export type BuildQuery<Values, Row> = (kysely: Kysely<Schema>, p: Values) => Compilable<Row> | RawBuilder<Row>;

export interface PreparedQuery<Values> {
  text: string;
  parameters(values: Values): unknown[];
}

/** Compiles the query. Constant parameters stay constant. */
export function prepareQuery<Values extends object, Row>(kysely: Kysely<Schema>, build: BuildQuery<Values, Row>): PreparedQuery<Values> {
  const query: { compile(kysely: Kysely<Schema>): { sql: string; parameters: readonly unknown[] } } = build(kysely, gaps<Values>());
  const { sql, parameters } = query.compile(kysely);
  return {
    text: sql,
    parameters: (values) => parameters.map((parameter) => (isGap<Values>(parameter) ? values[parameter.name] : parameter)),
  };
}

const GAP = Symbol('gap');

interface Gap<Values> {
  [GAP]: true;
  name: keyof Values;
}

function gaps<Values extends object>(): Values {
  return new Proxy({} as Values, { get: (_, name) => gap(name) });
}

/** A placeholder must become a parameter unchanged; as text or JSON it would become a constant. */
function gap(name: string | symbol) {
  const misuse = () => {
    throw new Error(`p.${String(name)} is a placeholder: use it as a parameter only`);
  };
  return { [GAP]: true, name, toJSON: misuse, [Symbol.toPrimitive]: misuse };
}

function isGap<Values>(parameter: unknown): parameter is Gap<Values> {
  return typeof parameter === 'object' && parameter !== null && GAP in parameter;
}
