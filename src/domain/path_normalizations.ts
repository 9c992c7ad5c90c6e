// The paths that a request may stand for. Proxies, servers and apps differ in how they read dots,
// double slashes, encoding and parameters; an access rule must hold for every possible reading.

const MAX_LENGTH = 8192;
/** No server decodes repeatedly encoded characters more often. */
const MAX_DECODINGS = 3;

/** Contains nothing that programs read differently. */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)*\/?$/;

/**
 * All readings, each starting with a slash; null for paths that no honest client sends. `uri`: path
 * and query as received.
 */
export function pathNormalizations(uri: string): string[] | null {
  // A fragment is never sent (RFC 9112 section 3.2).
  if (uri.length > MAX_LENGTH || !/^\/[\x21-\x7e]*$/.test(uri) || uri.includes('#')) return null;
  const path = uri.split('?', 1)[0] ?? '';
  if (PLAIN.test(path)) return withSlash([path]);
  if (/%(?![0-9a-f]{2})/i.test(path)) return null;
  const readings = new Set<string>();
  for (const decoded of decodings(path)) {
    // %c0 and %c1 never start a UTF-8 character; they were once used to hide dots.
    if (/\p{Cc}|%c[01]/iu.test(decoded)) return null;
    for (const plain of [decoded, withoutParameters(decoded)])
      for (const merged of [plain, plain.replace(/\/{2,}/g, '/')]) readings.add(merged).add(withoutDots(merged));
  }
  return withSlash([...readings]);
}

/** Routers such as Express serve `/a/` for `/a`. */
function withSlash(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap((path) => (path.endsWith('/') ? [path] : [path, `${path}/`])))];
}

/**
 * Non-ASCII letters, percent-encoded, that case mappings turn into ASCII: Kelvin sign, long s,
 * dotless i, dotted I.
 */
const FOLDED_TO_ASCII: Readonly<Record<string, string>> = { '%e2%84%aa': 'k', '%c5%bf': 's', '%c4%b1': 'i', '%c4%b0': 'i' };

/**
 * A path as case-insensitive programs compare it; like Windows, without trailing dots and spaces in
 * names.
 */
export function foldPath(path: string): string {
  const lower = path.toLowerCase().replace(/%(?:e2%84%aa|c5%bf|c4%b[01])/g, (letter) => FOLDED_TO_ASCII[letter] ?? letter);
  return lower.replace(/[. ]+(?=\/|$)/g, '');
}

/** The path as received, and after each decoding that changes it. */
function decodings(path: string): string[] {
  const found = [path.replaceAll('\\', '/')];
  for (let last = path; found.length <= MAX_DECODINGS; ) {
    const next = decodedOnce(last);
    if (next === last) break;
    found.push(next.replaceAll('\\', '/'));
    last = next;
  }
  return found;
}

/** ASCII only: rules contain nothing else. */
function decodedOnce(path: string): string {
  return path.replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** `/a;x=1/..;/b` as servlet containers read it. */
function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, '');
}

/** Without dot segments (RFC 3986 section 5.2.4). */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  if (last === '.' || last === '..') kept.push('');
  return `/${kept.join('/')}`;
}
