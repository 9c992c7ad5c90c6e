// Fills the placeholders of a recipe: its client's settings, and the app's side.
import type { z } from 'zod';
import type { Client } from '../domain/client.ts';
import { clientMetadataIssues, withClientDefaults } from '../domain/client_metadata.ts';
import { metadataWording } from '../domain/error_description.ts';
import { AuthError } from '../domain/errors.ts';
import { pathText } from '../domain/json.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import { CLIENT_SHAPE, type PLACEHOLDERS, type Recipe } from './recipe.ts';

type Values = Partial<Record<(typeof PLACEHOLDERS)[number], string>>;

/** One file, or one page of settings. */
export type AppStep = { where: string; language: string; text: string } | { where: string; fields: Record<string, string> };

/** What to enter on the app's side, ready to paste. */
export interface AppSide {
  /** What to add to the configuration of this server; null: nothing. */
  server: string | null;
  steps: AppStep[];
  notes: string[];
}

export interface AppSideInput {
  /** Null if the app has no address. */
  url: string | null;
  issuer: string;
  /** Null if there is no client. */
  client: Pick<Client, 'client_id' | 'scope' | 'redirect_uris'> | null;
  /** Null: the client has none. */
  client_secret: string | null;
  /** For secrets that the app uses by itself. */
  random_secret: string;
}

/** Characters that need no quoting in any of the files that templates make. */
const PLAIN = /^[A-Za-z0-9 ._~:/?%@+=,[\]…-]*$/;
const APP_URL = /^https?:\/\/[a-z0-9.-]+(:\d{1,5})?(\/[A-Za-z0-9._~-]+)*$|^https?:\/\/\[[0-9a-f:.]+\](:\d{1,5})?(\/[A-Za-z0-9._~-]+)*$/;

/** An app's own address without a slash at the end. Throws `invalid_format`. */
export function appUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url && `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  if (!url || !plain || url.search + url.hash + url.username + url.password !== '' || !APP_URL.test(plain) || text.length > 500)
    throw new AuthError('invalid_format', 'url must be the address of the app, such as https://app.example.com');
  return plain;
}

/**
 * The settings of the client, without name and page. Throws an error that names every field which
 * `client add` would refuse.
 */
export function clientOf({ id, client }: Recipe, url: string | null): z.output<typeof CLIENT_SHAPE> {
  const given = fillEverything(client ?? {}, addressValues(url));
  const read = CLIENT_SHAPE.safeParse(given, { error: metadataWording });
  if (!read.success) throw new Error(`${id}: ${read.error.issues.map(({ path, message }) => `${pathText(path)} ${message}`).join('; ')}`);
  const { backchannel_logout_uri: back, ...others } = read.data;
  // Notifications go to https only.
  return { ...others, ...(back != null && (url === null || back.startsWith('https:')) && { backchannel_logout_uri: back }) };
}

/** What `client add` would refuse in these settings. */
export function clientFlaws(fields: z.output<typeof CLIENT_SHAPE>): string[] {
  const client = withClientDefaults(fields, { scope: [...STANDARD_SCOPES], token_endpoint_auth_method: 'client_secret_basic' });
  return clientMetadataIssues(client, { allow_http_redirect_uris: false, allow_private_addresses: true }).map(
    ({ path, message }) => `${pathText(path)} ${message}`,
  );
}

/**
 * The app's side. Throws `invalid_format` for a placeholder without a value, and for a value that
 * would need quoting.
 */
export function renderAppSide(recipe: Recipe, { url, issuer, client, client_secret, random_secret }: AppSideInput): AppSide {
  const values: Values = {
    ...addressValues(url),
    issuer,
    issuer_host: new URL(issuer).host,
    discovery: `${issuer}/.well-known/openid-configuration`,
    authorization_endpoint: `${issuer}/auth/authorize`,
    token_endpoint: `${issuer}/auth/token`,
    userinfo_endpoint: `${issuer}/auth/userinfo`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    end_session_endpoint: `${issuer}/auth/end_session`,
    introspection_endpoint: `${issuer}/auth/introspect`,
    random_secret,
    ...(client && { client_id: client.client_id, scope: client.scope.join(' ') }),
    ...(client?.redirect_uris[0] !== undefined && { redirect_uri: client.redirect_uris[0] }),
    ...(client_secret !== null && { client_secret }),
  };
  return {
    server: recipe.server === undefined ? null : fill(recipe.server, values),
    steps: recipe.steps.map((step) => {
      if ('text' in step) return { ...step, text: fill(step.text, values) };
      return { ...step, fields: Object.fromEntries(Object.entries(step.fields).map(([label, text]) => [label, fill(text, values)])) };
    }),
    notes: recipe.notes.map((note) => fill(note, values)),
  };
}

function addressValues(url: string | null): Values {
  if (url === null) return {};
  const { host, hostname } = new URL(url);
  return { url, host, hostname };
}

function fillEverything(value: unknown, values: Values): unknown {
  if (typeof value === 'string') return fill(value, values);
  if (Array.isArray(value)) return value.map((item) => fillEverything(item, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fillEverything(item, values)]));
}

function fill(template: string, values: Values): string {
  return template.replace(/\{\{([a-z_]+)\}\}/g, (_, name: keyof Values) => {
    const value = values[name];
    if (value === undefined) throw new AuthError('invalid_format', `The recipe needs a ${name}, and there is none`);
    if (!PLAIN.test(value)) throw new AuthError('invalid_format', `${name} has characters that would need quoting: ${value}`);
    return value;
  });
}
