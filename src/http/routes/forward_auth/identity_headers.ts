// The identity headers for a protected host. All four are always sent, so that a client cannot
// inject them. Non-ASCII characters and the percent sign are percent-encoded UTF-8: `J%C3%BCrgen`.

import type { ForwardedIdentity } from '../../../forward_auth/forward_auth.ts';

export function identityHeaders(visitor: ForwardedIdentity | null): Record<string, string> {
  return {
    'remote-user': headerText(visitor?.user ?? ''),
    'remote-name': headerText(visitor?.name ?? ''),
    'remote-email': headerText(visitor?.email ?? ''),
    // Ids contain no comma.
    'remote-groups': headerText(visitor?.group_ids.join(',') ?? ''),
  };
}

/** Removes line ends, other control characters and lone surrogates. */
function headerText(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}
