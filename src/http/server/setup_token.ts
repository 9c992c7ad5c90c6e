// Protects the creation of the owner with the setup token printed at start. Addresses are not
// trusted: behind a proxy or tunnel every visitor looks local.

import type { FastifyRequest } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

/** Throws `setup_token_required` (403) unless the `X-Setup-Token` header has the token. */
export function requireSetupToken(request: FastifyRequest, isSetupToken: (text: string) => boolean): void {
  const token = request.headers['x-setup-token'];
  if (typeof token === 'string' && isSetupToken(token)) return;
  request.counts_as_failure = token !== undefined;
  throw new AuthError('setup_token_required', 'The setup token that the server printed is needed');
}

/** The setup token in a pasted text, which may be the whole printed link. */
export function pastedSetupToken(text: string): string {
  return /lk_st_[\w-]+/.exec(text)?.[0] ?? text.trim();
}
