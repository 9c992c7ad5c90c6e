// A short browser description from the User-Agent, for display only.

/** Ordered: later products also claim to be the earlier ones. */
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

/** Null for uncommon ones. */
export function readUserAgent(user_agent: string | null): { browser: string | null; system: string | null } {
  const known = (list: readonly (readonly [string, RegExp])[]) => list.find(([, pattern]) => pattern.test(user_agent ?? ''))?.[0] ?? null;
  return { browser: known(BROWSERS), system: known(SYSTEMS) };
}
