// Links another login to a logged-in user: the code of a link_user flow is redeemed for a
// credential (HA contract 3.9).
import { type AuthProvider, providerKeyText } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { randomId } from '../domain/secret.ts';
import type { User } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import { type RedeemedLinkCode, redeemLinkCode } from '../repository/link_codes.ts';
import { authorizationCodeHash } from '../tokens/authorization_code.ts';
import { type Actor, auditActor } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';

export interface LinkUserDeps {
  database: Pick<Database, 'transaction'>;
  credentials: Pick<CredentialRepository, 'findIdentity'>;
  freshLogin: FreshLogin;
  audit: Pick<AuditEvents, 'insert'>;
  /** The configured providers; codes of others link nothing. */
  providers: ReadonlyMap<string, AuthProvider>;
  clock: Clock;
}

/** A code and the client of its flow. */
export interface LinkCode {
  code: string;
  client_id: string;
}

export type LinkUser = ReturnType<typeof createLinkUser>;

export function createLinkUser({ database, credentials, freshLogin, audit, providers, clock }: LinkUserDeps) {
  async function spend(user_id: string, { code, client_id }: LinkCode, actor: Actor): Promise<RedeemedLinkCode> {
    const code_hash = authorizationCodeHash(code);
    return await database.transaction(async (trx) => {
      const spent = await redeemLinkCode(trx, { code_hash, client_id, user_id, credential_id: randomId(), now: clock() });
      if (!spent || !providers.has(providerKeyText(spent))) throw invalidCode();
      const { auth_provider_type, auth_provider_id, credential_id } = spent;
      const detail = { auth_provider_type, auth_provider_id };
      if (credential_id !== null)
        await audit.insert(trx, { type: 'credential.linked', ...auditActor(actor), target_user_id: user_id, detail });
      return spent;
    });
  }

  type Target = Pick<User, 'id' | 'system_generated'>;

  /** Links the identity behind the code; succeeds if it is linked to this user already. */
  async function linkByTicket({ id, system_generated }: Target, link_code: LinkCode, actor: Actor): Promise<void> {
    if (system_generated) throw new AuthError('not_system_user', 'Not allowed as system user');
    const spent = await spend(id, link_code, actor);
    if (spent.credential_id !== null) return;
    const found = await credentials.findIdentity(spent, spent.subject);
    if (found?.user_id !== id) throw new AuthError('credential_already_linked');
  }

  return {
    /** For the holder of a ticket, which requires a fresh login; see link_tickets.ts. */
    linkByTicket,

    /** Links the identity behind the code after a fresh login; without one the code stays valid. */
    async link(user: Target, link_code: LinkCode, actor: Actor): Promise<void> {
      if (user.system_generated) throw new AuthError('not_system_user', 'Not allowed as system user');
      await freshLogin.require(actor);
      await linkByTicket(user, link_code, actor);
    },
  };
}

function invalidCode(): AuthError {
  return new AuthError('invalid_code');
}
