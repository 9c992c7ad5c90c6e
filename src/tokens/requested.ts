// What a token request names beside its proof: the scope it wants of what was granted, and the resource servers.
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

function words(text: string | undefined): string[] | null {
  const found = [...new Set((text ?? '').split(' ').filter(Boolean))];
  return found.length > 0 ? found : null;
}

function isResource(text: string): boolean {
  return URL.canParse(text) && !text.includes('#');
}
