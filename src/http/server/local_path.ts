// Validates the target of a redirect within this server.

/** Enough for an authorization request with a long state. */
const MAX_LENGTH = 4096;

/**
 * The path and query of a target on this server; null for anything a browser could resolve
 * elsewhere.
 */
export function localPath(target: string | null, public_url: string): string | null {
  if (target === null || target.length > MAX_LENGTH || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(target)) return null;
  if (!URL.canParse(target, public_url)) return null;
  const { origin, pathname, search } = new URL(target, public_url);
  // After resolving dots, the path may start with two slashes.
  return origin === public_url && !pathname.startsWith('//') ? `${pathname}${search}` : null;
}
