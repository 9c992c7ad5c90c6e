import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { configJsonSchema } from '../../src/config/json_schema.ts';
import { readRegistry } from '../../src/wiring/registry.ts';

const EXAMPLE = readFileSync('config.example.yaml', 'utf8');
const schema = JSON.parse(readFileSync('config.schema.json', 'utf8'));
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

/** The paths of the errors in a configuration. */
function errorsIn(text: string): string[] {
  validate(parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe('config.schema.json', () => {
  it('is what `npm run schema` prints', async () => {
    const { providers, mfa_modules } = await readRegistry();
    const schemas = (types: ReadonlyMap<string, { config: z.ZodObject }>) =>
      new Map(Array.from(types, ([type, { config }]) => [type, config] as const));
    expect(schema).toEqual(
      configJsonSchema({ provider_types: schemas(providers), mfa_module_types: schemas(mfa_modules), example: EXAMPLE }),
    );
  });

  it('accepts the example', () => {
    expect(errorsIn(EXAMPLE)).toEqual([]);
  });

  it('describes settings and blocks by the comments of the example', () => {
    expect(schema.properties.public_url.description).toMatch(/issuer/);
    expect(schema.properties.listen.properties.host.description).toMatch(/\w/);
    const ldap = schema.properties.auth_providers.items.anyOf.find(
      (block: { properties: { type: { const: string } } }) => block.properties.type.const === 'ldap',
    );
    expect(ldap.properties.url.description).toMatch(/\w/);
  });

  it.each<[string, string, RegExp]>([
    ['an unknown setting', 'http: { trusted_proxie: [] }', /^\/http must NOT have additional properties/],
    ['a value of another type', 'listen: { port: eighty }', /^\/listen\/port must be integer/],
    ['a provider without its settings', 'auth_providers: [{ type: ldap }]', /url/],
    ['an unknown provider', 'auth_providers: [{ type: saml }]', /^\/auth_providers\/0\/type must be equal to constant/],
  ])('refuses %s', (_title, text, error) => {
    expect(errorsIn(text)).toEqual(expect.arrayContaining([expect.stringMatching(error)]));
  });

  it.each([
    ['a secret in a file', 'secret_key_file: /run/secrets/key'],
    ['the short name of the local provider', 'auth_providers: [{ type: local, minimum_password_length: 12 }]'],
  ])('accepts %s', (_title, text) => {
    expect(errorsIn(text)).toEqual([]);
  });
});

it('the example names the schema for editors', () => {
  expect(EXAMPLE).toMatch(/^# yaml-language-server: \$schema=\.\/config\.schema\.json$/m);
});
