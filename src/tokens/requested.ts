// What a token request names beside its proof: the scope it wants of what was granted, and the resource servers.
import type { Client } from '../domain/client.ts';
import { AuthError } from '../domain/errors.ts';

type Parameters = ReadonlyMap<string, string>;

/** The scope asked for (RFC 6749 section 3.3); null when none is. */
export function requestedScope(parameters: Parameters): string[] | null {
  return words(parameters.get('scope'));
}

/** The resource servers asked for (RFC 8707 section 2.2), of several `resource` fields joined by blanks; null when none is. */
export function requestedResource(parameters: Parameters): string[] | null {
  const resource = words(parameters.get('resource'));
  if (resource?.every(isResource) === false) throw new AuthError('invalid_target', 'resource is not an absolute URI without a fragment');
  return resource;
}

/** The scope asked for where no grant says what is there to ask for; all that is allowed where none is named. */
export function permittedScope(parameters: Parameters, allowed: readonly string[]): string[] {
  const scope = requestedScope(parameters);
  const foreign = scope?.find((name) => !allowed.includes(name));
  if (foreign !== undefined) throw new AuthError('invalid_scope', 'The client may not ask for that scope', { detail: foreign });
  return scope ?? [...allowed];
}

/** The resource servers asked for where no grant says which there are: those of the client, and us. */
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
