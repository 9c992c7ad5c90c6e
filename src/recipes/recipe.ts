// The format of recipes/NAME.yaml: how one app is registered, and what to enter on its side.
// Templates contain placeholders such as {{issuer}}; see render.ts.
import { z } from 'zod';
import { clientFields, operatorFields } from '../domain/client_metadata.ts';

/** What a placeholder may stand for. */
export const PLACEHOLDERS = [
  ...['url', 'host', 'hostname', 'issuer', 'issuer_host', 'discovery', 'authorization_endpoint', 'token_endpoint'],
  ...['userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'introspection_endpoint'],
  ...['client_id', 'client_secret', 'scope', 'redirect_uri', 'random_secret'],
] as const;

export const CATEGORIES = [
  ...['home', 'media', 'documents', 'files', 'code', 'monitoring', 'administration', 'communication', 'artificial intelligence'],
  ...['proxy', 'library'],
] as const;

/** `from documents`: written from the app's own documents, and not tried. */
export const TESTED = ['ci', 'by hand', 'from documents'] as const;

const line = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .regex(/^[^\p{Cc}]*$/u, 'must be one line of text');
const sentence = line.regex(/[.!]$/, 'must be a sentence');
const webUrl = z.url({ protocol: /^https?$/ });

/** Placeholders that are not known; with a blank after the braces they are the app's own. */
function unknownPlaceholders(text: string): string[] {
  const known = new RegExp(`^\\{\\{(${PLACEHOLDERS.join('|')})\\}\\}`);
  return Array.from(text.matchAll(/\{\{(?! )[^}]{0,40}\}{0,2}/g), ([found]) => found).filter((found) => !known.test(found));
}

const template = z
  .string()
  .min(1)
  .max(8_000)
  .superRefine((text, context) => {
    for (const found of unknownPlaceholders(text)) context.addIssue({ code: 'custom', message: `unknown placeholder ${found}` });
  });

/** One file, or one page of settings. */
const step = z.union([
  z.strictObject({ where: line, language: z.string().regex(/^[a-z]+$/), text: template }),
  z.strictObject({ where: line, fields: z.record(line, template).refine((fields) => Object.keys(fields).length > 0, 'must not be empty') }),
]);

const { client_name: _name, client_uri: _uri, jwks: _jwks, ...declared } = clientFields;
const { trusted: _trusted, allowed_group_ids: _groups, ...decided } = operatorFields;

/** Settings as `client add` takes them, with placeholders of the app's address. */
const client = z
  .record(z.string(), z.json())
  .refine((given) => Object.keys(given).every((name) => Object.hasOwn(CLIENT_SHAPE.shape, name)), 'has a field that recipes cannot set');

/** The same after the placeholders are filled. */
export const CLIENT_SHAPE = z.strictObject({ ...declared, ...decided }).partial();

export const recipeSchema = z.strictObject({
  name: line.max(60),
  /** One or two letters for lists of apps. */
  icon: z.string().regex(/^[\p{L}\p{N}]{1,2}$/u, 'must be one or two letters'),
  category: z.enum(CATEGORIES),
  summary: sentence,
  tested: z
    .array(
      z
        .strictObject({ version: line, how: z.enum(TESTED), date: z.iso.date(), documents: z.array(webUrl).default([]) })
        .refine(({ how, documents }) => how !== 'from documents' || documents.length > 0, 'must name the documents'),
    )
    .min(1),
  /** An example of the app's own address; null: the app has none. */
  url: webUrl.nullable(),
  /** Null: there is nothing to register. */
  client: client.nullable(),
  /** What the configuration of this server needs besides. */
  server: template.optional(),
  steps: z.array(step).min(1).max(10),
  notes: z.array(sentence).max(20).default([]),
});

export type Recipe = z.output<typeof recipeSchema> & {
  /** The name of its file. */
  id: string;
};
