// The URL of the login page, for requests that need a login first.

/** Parameters passed on to the login page: the suggested username and languages. */
const HINTS = ['login_hint', 'ui_locales'] as const;
/** Why an existing session is not sufficient. */
export type LoginReason = 'reauth';

type Hints = Partial<Record<(typeof HINTS)[number], string | null>>;

/** The path of a login that returns to `next`. `reason`: why a session was not sufficient. */
export function loginHref(next: string, hints: Hints = {}, reason?: LoginReason): string {
  return `/login?${new URLSearchParams([['next', next], ...(reason ? [['reason', reason]] : []), ...hintParameters(hints)])}`;
}

/** The hints that are present, as query parameters. */
export function hintParameters(hints: Hints): [string, string][] {
  return HINTS.flatMap((name): [string, string][] => (hints[name] ? [[name, hints[name]]] : []));
}
