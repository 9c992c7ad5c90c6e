// By what a person recognises one of their browsers. It decides nothing: a User-Agent says whatever its sender likes.

/** In this order: what comes later also says that it is what came before. */
const BROWSERS = [
  ['Edge', /\bEdg(?:e|A|iOS)?\//],
  ['Opera', /\bOPR\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|CriOS)\//],
  ['Safari', /\bSafari\//],
] as const;
const SYSTEMS = [
  ['Android', /\bAndroid\b/],
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMac OS X\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b/],
] as const;

/** Null for what is none of the common ones. */
export function readUserAgent(user_agent: string | null): { browser: string | null; system: string | null } {
  const known = (list: readonly (readonly [string, RegExp])[]) => list.find(([, pattern]) => pattern.test(user_agent ?? ''))?.[0] ?? null;
  return { browser: known(BROWSERS), system: known(SYSTEMS) };
}
