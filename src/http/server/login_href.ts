// The address of our own login page, for whatever needs a person to log in first.

/** What a login page may be told beside the way on: the username to begin with, and the reader's languages. */
const HINTS = ['login_hint', 'ui_locales'] as const;
/** Why the person is sent to a login although they have one. */
export type LoginReason = 'reauth';

type Hints = Partial<Record<(typeof HINTS)[number], string | null>>;

/** The path of a login that returns to `next` afterwards. `reason`: why a session was not enough. */
export function loginHref(next: string, hints: Hints = {}, reason?: LoginReason): string {
  return `/login?${new URLSearchParams([['next', next], ...(reason ? [['reason', reason]] : []), ...hintParameters(hints)])}`;
}

/** The hints that are present, as query parameters. */
export function hintParameters(hints: Hints): [string, string][] {
  return HINTS.flatMap((name): [string, string][] => (hints[name] ? [[name, hints[name]]] : []));
}
