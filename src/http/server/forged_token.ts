// Whether a bearer token is forged; missing, expired and revoked ones are not.

import { type Clock, epochSeconds } from '../../domain/clock.ts';
import { type ImportedTokens, isImportedToken } from '../../tokens/imported_token.ts';

export interface ForgedTokenDeps {
  keyring: { verify(token: string): unknown };
  importedTokens: Pick<ImportedTokens, 'isForged'>;
  clock: Clock;
}

export async function isForged(token: string, { keyring, importedTokens, clock }: ForgedTokenDeps): Promise<boolean> {
  if (claimsToBeExpired(token, clock())) return false;
  return isImportedToken(token) ? await importedTokens.isForged(token) : !keyring.verify(token);
}

/** A token whose key is gone cannot be verified; an expired one is harmless. */
function claimsToBeExpired(token: string, now: Date): boolean {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.', 2)[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null && 'exp' in claims && Number(claims.exp) <= epochSeconds(now);
  } catch {
    return false;
  }
}
