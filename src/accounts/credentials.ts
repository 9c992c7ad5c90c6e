// Credentials link identities at providers to users: linked by a first login, unlinked by people
// and administrators. Nobody loses their last login method. Linking by people is in link_user.ts.
import { type AuthProvider, type ProviderKey, providerKeyText } from '../domain/auth_provider.ts';
import { AuthError } from '../domain/errors.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { Credential, CredentialRepository as CredentialRows } from '../repository/credentials.ts';
import type { LocalLoginRepository } from '../repository/local_logins.ts';
import type { UserRepository } from '../repository/users.ts';
import { type Actor, auditActor, protectOwner } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';
import type { SignOut } from './sign_out.ts';

export interface CredentialsDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'lock'>;
  credentials: CredentialRows;
  localLogins: Pick<LocalLoginRepository, 'remove'>;
  signOut: Pick<SignOut, 'sessionsOf'>;
  freshLogin: FreshLogin;
  audit: Pick<AuditEvents, 'insert'>;
  /** The configured providers. */
  providers: ReadonlyMap<string, Pick<AuthProvider, 'name'>>;
}

export type Credentials = ReturnType<typeof createCredentials>;

export function createCredentials({ database, users, credentials, localLogins, signOut, freshLogin, audit, providers }: CredentialsDeps) {
  const isWayIn = (credential: ProviderKey) => providers.has(providerKeyText(credential));

  return {
    findIdentity: credentials.findIdentity,
    keepEmail: credentials.keepEmail,

    /** A user's login methods; those whose provider is no longer configured have no name. */
    async list(user_id: string): Promise<(Credential & { auth_provider_name: string | null })[]> {
      const all = await credentials.ofUser(user_id);
      return all.map((credential) => ({ ...credential, auth_provider_name: providers.get(providerKeyText(credential))?.name ?? null }));
    },

    /** False if the user has a login at this provider, or the identity belongs to another user. */
    async link(credential: Credential): Promise<boolean> {
      const { user_id, auth_provider_type, auth_provider_id } = credential;
      const event = { type: 'credential.linked', target_user_id: user_id, detail: { auth_provider_type, auth_provider_id } } as const;
      return await database.transaction(async (trx) => {
        const linked = await credentials.insert(trx, credential);
        if (linked) await audit.insert(trx, { ...event, outcome: 'done', actor_user_id: user_id });
        return linked;
      });
    },

    /**
     * Removes a login method with its password and sessions; tokens from it stay (HA contract
     * 12.6).
     */
    async unlink(user_id: string, credential_id: string, actor: Actor): Promise<void> {
      await freshLogin.require(actor);
      await database.transaction(async (trx) => {
        // Locked, so that the second of two parallel removals sees the result of the first.
        const user = await users.lock(trx, user_id);
        if (!user) throw new AuthError('not_found', 'User not found');
        protectOwner(actor, user);
        const all = await credentials.ofUser(user_id, trx);
        const credential = all.find(({ id }) => id === credential_id);
        if (!credential) throw new AuthError('credentials_not_found', 'Credentials not found');
        const left = all.filter((other) => other !== credential);
        if (left.length === 0 || (isWayIn(credential) && !left.some(isWayIn)))
          throw new AuthError('last_credential', 'Unable to remove the last way to log in');
        await signOut.sessionsOf(trx, credential.id, actor);
        await credentials.remove(trx, credential.id);
        if (isLocal(credential)) await localLogins.remove(trx, credential.subject);
        const { auth_provider_type, auth_provider_id } = credential;
        const detail = { auth_provider_type, auth_provider_id };
        await audit.insert(trx, { type: 'credential.removed', ...auditActor(actor), target_user_id: user_id, detail });
      });
    },
  };
}

function isLocal({ auth_provider_type, auth_provider_id }: ProviderKey): boolean {
  return auth_provider_type === LOCAL_PROVIDER.auth_provider_type && auth_provider_id === LOCAL_PROVIDER.auth_provider_id;
}
