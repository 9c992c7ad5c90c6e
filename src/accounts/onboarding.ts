// Onboarding creates the owner with a login and an authorization code (HA contract 3.10). All input
// is checked first; of parallel calls one succeeds.
import { createHmac } from 'node:crypto';
import type { PasswordHashing } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { releaseCode } from '../domain/code_release.ts';
import { AuthError } from '../domain/errors.ts';
import { newPassword, newUsername, requireNewPassword, usernameTaken } from '../domain/local_login.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { requireEmail } from '../domain/profile.ts';
import { randomId, safeEqual } from '../domain/secret.ts';
import { ADMIN_GROUP } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { AuthorizationCodeRepository } from '../repository/authorization_codes.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { LocalLoginRepository } from '../repository/local_logins.ts';
import type { Usernames } from '../repository/usernames.ts';
import type { UserRepository } from '../repository/users.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createCodes } from '../tokens/authorization_code.ts';
import { requireName } from './names.ts';

const MAX_CLIENT_ID_LENGTH = 2048;

export interface OnboardingDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'ownerExists' | 'create' | 'updateProfile'>;
  usernames: Pick<Usernames, 'rename'>;
  localLogins: Pick<LocalLoginRepository, 'insert'>;
  credentials: Pick<CredentialRepository, 'insert'>;
  authorizationCodes: Pick<AuthorizationCodeRepository, 'store'>;
  hasher: Pick<PasswordHashing, 'hash'>;
  sealer: Pick<Sealer, 'subKey'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  minimum_password_length: number;
  /** Lifetime of the code in seconds. */
  authorization_code_lifetime: number;
}

export interface NewOwner {
  name: string;
  username: string;
  password: string;
  /** The code's client; checked by the token endpoint only. */
  client_id: string;
  language: string;
  /** Verified, since the owner entered it; absent or empty: none. */
  email?: string | undefined;
}

export type Onboarding = ReturnType<typeof createOnboarding>;

export function createOnboarding(deps: OnboardingDeps) {
  const { database, users, usernames, localLogins, credentials, authorizationCodes, hasher, audit, clock } = deps;
  // Derived from the secret key, so it is the same on every replica and after every start.
  const setup_token = `lk_st_${createHmac('sha256', deps.sealer.subKey('setup_token')).update('owner').digest('base64url')}`;
  let done = false;

  async function isDone(): Promise<boolean> {
    // An owner, once created, always exists.
    done ||= await users.ownerExists();
    return done;
  }

  /**
   * The normalized owner. An upper-case username is folded, since people type names as they write
   * them.
   */
  function check({ client_id, ...owner }: NewOwner): { name: string; username: string; password: string; email: string | null } {
    const name = requireName(owner.name);
    const username = newUsername(owner.username);
    const password = newPassword(owner.password);
    const email = owner.email ? requireEmail(owner.email) : null;
    requireNewPassword(password, { username, minimum_length: deps.minimum_password_length });
    if (client_id === '' || client_id.length > MAX_CLIENT_ID_LENGTH || /[\p{Cc}\p{Cs}]/u.test(client_id)) {
      throw new AuthError('invalid_client_id');
    }
    return { name, username, password, email };
  }

  return {
    /** Whether there is an owner. */
    isDone,

    /** The token that authorizes creating the owner; useless afterwards. */
    setupToken: (): string => setup_token,

    isSetupToken: (text: string): boolean => safeEqual(text, setup_token),

    async createOwner(owner: NewOwner, { remote_address }: { remote_address: string }): Promise<{ auth_code: string; user_id: string }> {
      const { name, username, password, email } = check(owner);
      if (await isDone()) throw alreadyDone();
      const { client_id } = owner;
      const password_hash = await hasher.hash(password);
      const [user_id, credential_id] = [randomId(), randomId()];
      return await database.transaction(async (trx) => {
        const now = clock();
        const person = {
          id: user_id,
          name,
          is_owner: true,
          is_active: true,
          is_pending: false,
          system_generated: false,
          local_only: false,
        };
        const outcome = await users.create(trx, { ...person, created_at: now }, [ADMIN_GROUP]);
        if (outcome === 'unmade') throw alreadyDone();
        if (outcome === 'unknown_group') throw new Error(`The group ${ADMIN_GROUP} is missing`);
        if (email !== null) await users.updateProfile(trx, user_id, { email, email_verified: true });
        const naming = await usernames.rename(trx, { user_id, to: username, now, reuse_retired: false });
        if (naming !== 'renamed') throw usernameTaken(username);
        if (!(await localLogins.insert(trx, { username, password_hash, now }))) throw usernameTaken(username);
        const credential = { id: credential_id, user_id, ...LOCAL_PROVIDER, subject: username, data: { username }, created_at: now };
        if (!(await credentials.insert(trx, credential))) throw usernameTaken(username);
        const codes = createCodes({
          authorizationCodes: { store: (code) => authorizationCodes.store(code, trx) },
          clock,
          lifetime: deps.authorization_code_lifetime,
        });
        const proof = { ...LOCAL_PROVIDER, redirect_uri: null, code_challenge: null, auth_time: now, amr: ['pwd'], remote_address };
        const subject = { purpose: 'authorize' as const, user_id, credential_id };
        const auth_code = await codes.issue({ ...proof, client_id, subject }, releaseCode({ receiver: 'json_caller' }));
        const who = { actor_user_id: user_id, target_user_id: user_id, remote_address, client_id };
        await audit.insert(trx, { type: 'owner.created', outcome: 'done', ...who, detail: { username } });
        return { auth_code, user_id };
      });
    },
  };
}

function alreadyDone(): AuthError {
  return new AuthError('onboarding_done');
}
