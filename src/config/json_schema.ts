// JSON Schema of the configuration for editors; `latchkey config schema` prints it, and
// config.schema.json holds it.

import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { type BlockSchemas, commonMfaModuleKeys, commonProviderKeys } from './block.ts';
import { configSchema } from './schema.ts';
import { entries, hasMark } from './shape.ts';

type Json = Record<string, unknown>;

export interface JsonSchemaOptions {
  provider_types: BlockSchemas;
  mfa_module_types: BlockSchemas;
  /** The text of config.example.yaml, whose comments become descriptions. */
  example: string;
}

export function configJsonSchema({ provider_types, mfa_module_types, example }: JsonSchemaOptions): Json {
  const schema = toJsonSchema(configSchema);
  const properties = schema.properties as Record<string, Json>;
  properties.auth_providers = { type: 'array', items: blocks(provider_types, commonProviderKeys, { local: 'homeassistant' }) };
  properties.auth_mfa_modules = { type: 'array', items: blocks(mfa_module_types, commonMfaModuleKeys) };
  describe(schema, parseDocument(example.replaceAll(/^( *)#(?=\S)/gm, '$1')).contents);
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Latchkey configuration', ...schema };
}

/** One alternative per `type`. */
function blocks(types: BlockSchemas, common: z.ZodRawShape, aliases: Record<string, string> = {}): Json {
  const names = [...types.keys(), ...Object.keys(aliases)].sort();
  return {
    anyOf: names.map((type) => {
      const own = types.get(aliases[type] ?? type) ?? z.object({});
      return toJsonSchema(own.safeExtend({ ...common, type: z.literal(type) }).strict());
    }),
  };
}

function toJsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodObject && jsonSchema.properties) addSecretFiles(zodSchema, jsonSchema as Json);
      // A key without a value counts as absent.
      if (jsonSchema.type === 'object' || jsonSchema.type === 'array') Object.assign(jsonSchema, { type: [jsonSchema.type, 'null'] });
      // Marks of this program, see shape.ts.
      for (const mark of ['secret', 'path', 'holds']) delete (jsonSchema as Json)[mark];
    },
  });
  return json as Json;
}

/** A secret can be given by `<key>_file` instead. */
function addSecretFiles(block: z.ZodObject, json: Json): void {
  const properties = json.properties as Json;
  for (const [key, schema] of entries(block)) if (hasMark(schema, 'secret')) properties[`${key}_file`] = { type: 'string' };
  if (Array.isArray(json.required)) json.required = json.required.filter((key) => !(`${key}_file` in properties));
}

/** Copies the comment above each key of the example to the property. */
function describe(schema: Json, node: unknown): void {
  if (isSeq(node)) {
    const items = schema.items as Json | undefined;
    for (const item of node.items) for (const one of (items?.anyOf as Json[] | undefined) ?? (items ? [items] : [])) describe(one, item);
    return;
  }
  if (!isMap(node)) return;
  const properties = (schema.properties ?? {}) as Record<string, Json>;
  if (!fits(properties, node)) return;
  for (const [index, { key, value }] of node.items.entries()) {
    const property = isScalar(key) ? properties[String(key.value)] : undefined;
    if (!property || !isScalar(key)) continue;
    // The parser gives the comment above the first key to the block.
    const comment = (key.commentBefore ?? (index === 0 ? node.commentBefore : null) ?? '').split(/\n\s*\n/).at(-1) ?? '';
    const text = comment.replace(/\s*\n\s*/g, ' ').trim();
    if (text !== '') property.description ??= text;
    describe(property, value);
  }
}

/** Whether a block of the example is of the alternative's type. */
function fits(properties: Record<string, Json>, node: { get(key: string): unknown }): boolean {
  const type = properties.type?.const;
  return type === undefined || type === node.get('type');
}
