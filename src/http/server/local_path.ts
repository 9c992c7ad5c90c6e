// Where a page may send a browser on to: a path of this server and nothing else. Called by routes/login.ts.

/** An authorization request with a long state fits; a header of ours does too. */
const MAX_LENGTH = 4096;

/** The path and query of a target on this very server; null for everything that a browser could read as another place. */
export function localPath(target: string | null, public_url: string): string | null {
  if (target === null || target.length > MAX_LENGTH || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(target)) return null;
  if (!URL.canParse(target, public_url)) return null;
  const { origin, pathname, search } = new URL(target, public_url);
  // What dots make of a path may begin with two slashes again.
  return origin === public_url && !pathname.startsWith('//') ? `${pathname}${search}` : null;
}
