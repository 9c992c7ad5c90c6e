// Strict JSON: RFC 8259 in UTF-8, unique keys, bounded depth, nothing that PostgreSQL cannot store.

const MAX_DEPTH = 32;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]|[^\s"{}[\],:]+/g;

/** Parses JSON, or throws a SyntaxError. */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value: unknown = JSON.parse(text);
  checkTokens(text);
  return value;
}

/** Keeps a byte order mark, which JSON.parse refuses. */
function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new SyntaxError('not UTF-8');
  }
}

/** Checks valid JSON for what is additionally refused. */
function checkTokens(text: string): void {
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (!token.startsWith('"')) checkLiteral(token);
    else if (colon === undefined) checkString(token);
    else checkKey(checkString(token.slice(0, -colon.length)), open.at(-1));
    if (open.length > MAX_DEPTH) throw new SyntaxError('nested too deeply');
  }
}

function checkLiteral(token: string): void {
  if (/^[-\d]/.test(token) && !Number.isFinite(Number(token))) throw new SyntaxError('a number out of range');
}

/** PostgreSQL can store neither lone surrogates nor NUL. */
function checkString(token: string): string {
  const value: string = token.includes('\\') ? JSON.parse(token) : token.slice(1, -1);
  if (!value.isWellFormed() || value.includes('\0')) throw new SyntaxError('a string that is no text');
  return value;
}

function checkKey(key: string, seen: Set<string> | undefined): void {
  if (key === '__proto__' || key === 'constructor' || seen?.has(key)) throw new SyntaxError('a key that is not allowed, or twice');
  seen?.add(key);
}
