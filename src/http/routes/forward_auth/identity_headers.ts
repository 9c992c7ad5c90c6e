// What a protected host is told about whom it lets in. All four headers, empty ones too: what a client sent under these names must not stay.
// Letters beyond ASCII, and the percent sign, are percent-encoded UTF-8: `J%C3%BCrgen`.

import type { ForwardedIdentity } from '../../../forward_auth/forward_auth.ts';

export function identityHeaders(visitor: ForwardedIdentity | null): Record<string, string> {
  return {
    'remote-user': headerText(visitor?.user ?? ''),
    'remote-name': headerText(visitor?.name ?? ''),
    'remote-email': headerText(visitor?.email ?? ''),
    // Ids, in which no comma can be.
    'remote-groups': headerText(visitor?.group_ids.join(',') ?? ''),
  };
}

/** No line end, no other control character and no half of a letter gets through. */
function headerText(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}
