// Where a server lies that we ask about people: what is said to it must not be heard by others.
import { isLoopback } from './network.ts';

/** Whether a text is a URL under https, or under http on this very machine; without a user and a fragment in it. */
export function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && (hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))));
}
