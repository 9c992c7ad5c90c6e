// The `scope` and `resource` parameters of token requests.
import type { Client } from '../domain/client.ts';
import { AuthError } from '../domain/errors.ts';

type Parameters = ReadonlyMap<string, string>;

/** The requested scope (RFC 6749 section 3.3); null if absent. */
export function requestedScope(parameters: Parameters): string[] | null {
  return words(parameters.get('scope'));
}

/**
 * The requested resource servers (RFC 8707 section 2.2), joined by spaces if repeated; null if
 * absent.
 */
export function requestedResource(parameters: Parameters): string[] | null {
  const resource = words(parameters.get('resource'));
  if (resource?.every(isResource) === false) throw new AuthError('invalid_target', 'resource is not an absolute URI without a fragment');
  return resource;
}

/** The requested scope where no grant limits it; by default everything allowed. */
export function permittedScope(parameters: Parameters, allowed: readonly string[]): string[] {
  const scope = requestedScope(parameters);
  const foreign = scope?.find((name) => !allowed.includes(name));
  if (foreign !== undefined) throw new AuthError('invalid_scope', 'The client may not ask for that scope', { detail: foreign });
  return scope ?? [...allowed];
}

/**
 * The requested resource servers where no grant limits them: those of the client and this server.
 */
export function permittedResource(parameters: Parameters, client: Pick<Client, 'resources'>, own_resource: string): string[] {
  const resource = requestedResource(parameters) ?? [];
  const foreign = resource.find((uri) => uri !== own_resource && !client.resources.includes(uri));
  if (foreign !== undefined)
    throw new AuthError('invalid_target', 'The client may not ask for tokens for that resource', { detail: foreign });
  return resource;
}

function words(text: string | undefined): string[] | null {
  const found = [...new Set((text ?? '').split(' ').filter(Boolean))];
  return found.length > 0 ? found : null;
}

function isResource(text: string): boolean {
  return URL.canParse(text) && !text.includes('#');
}
