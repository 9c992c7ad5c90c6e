// Who may create the owner: anyone who presents the setup token that the server printed when it started.
// No address is trusted instead: behind a reverse proxy or a tunnel every visitor looks like this machine.

import type { FastifyRequest } from 'fastify';
import { AuthError } from '../../domain/errors.ts';

/** Throws `setup_token_required` (403) unless the `X-Setup-Token` header carries the setup token. */
export function requireSetupToken(request: FastifyRequest, isSetupToken: (text: string) => boolean): void {
  const token = request.headers['x-setup-token'];
  if (typeof token === 'string' && isSetupToken(token)) return;
  request.counts_as_failure = token !== undefined;
  throw new AuthError('setup_token_required', 'The setup token that the server printed is needed');
}

/** The setup token in pasted text, which may be the whole link that the server printed. */
export function pastedSetupToken(text: string): string {
  return /lk_st_[\w-]+/.exec(text)?.[0] ?? text.trim();
}
