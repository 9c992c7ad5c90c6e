// The secret of an authorization: handed to the client by way of the browser, stored as its hash, good for one redemption.
import type { Identity, ProviderKey } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import type { AuthorizationCodes } from '../repository/authorization_codes.ts';

export function newAuthorizationCode(): { code: string; code_hash: Buffer } {
  const code = randomToken('lk_ac_');
  return { code, code_hash: authorizationCodeHash(code) };
}

/** What a presented code is found by. */
export function authorizationCodeHash(code: string): Buffer {
  return sha256(code);
}

/** A finished login, as far as its code must remember it. */
export interface FinishedLogin extends ProviderKey {
  client_id: string;
  redirect_uri: string | null;
  code_challenge: string | null;
  auth_time: Date;
  amr: string[];
  remote_address: string;
  /** Whose login it was; a `link_user` login is nobody's yet and carries the identity instead. */
  subject: { purpose: 'authorize'; user_id: string; credential_id: string } | { purpose: 'link_user'; identity: Identity };
}

export interface CodeDeps {
  authorizationCodes: Pick<AuthorizationCodes, 'store'>;
  clock: Clock;
  /** Seconds in which a code must be redeemed. */
  lifetime: number;
}

export function createCodes({ authorizationCodes, clock, lifetime }: CodeDeps) {
  return {
    /** Makes the code of a finished login. */
    async issue({ subject, ...login }: FinishedLogin): Promise<string> {
      const { code, code_hash } = newAuthorizationCode();
      const now = clock();
      const times = { created_at: now, expires_at: addSeconds(now, lifetime) };
      await authorizationCodes.store({ code_hash, ...login, ...columnsOf(subject), ...times });
      return code;
    },
  };
}

function columnsOf(subject: FinishedLogin['subject']) {
  if (subject.purpose === 'authorize') return { ...subject, identity: null };
  return { purpose: subject.purpose, user_id: null, credential_id: null, identity: JSON.stringify(subject.identity) };
}
