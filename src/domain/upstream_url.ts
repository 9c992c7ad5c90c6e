// URLs of upstream servers: requests about people must not be readable by others.
import { isLoopback } from './network.ts';

/** Whether a text is an https URL, or an http one on loopback, without user and fragment. */
export function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && (hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))));
}
