// Linking another login in a browser: an app with a fresh login gets a ticket URL, the first
// browser that opens it may use it, and the login proven there is linked to the app's user.
import { type AuthProvider, type ProviderKey, providerKeyText } from '../domain/auth_provider.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { blockReason } from '../domain/login_block.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { LinkTicket, LinkTicketRepository as LinkTicketRows } from '../repository/link_tickets.ts';
import type { Caller } from '../tokens/bearer.ts';
import { actorOf } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';
import type { LinkUser } from './link_user.ts';

/** Lifetime of a ticket in seconds. */
const LIFETIME = 600;
const TICKET_ID = /^[0-9a-f]{64}$/;

export interface LinkTicketsDeps {
  linkTickets: LinkTicketRows;
  linkUser: LinkUser;
  credentials: Pick<CredentialRepository, 'ofUserAt'>;
  freshLogin: FreshLogin;
  providers: ReadonlyMap<string, AuthProvider>;
  clock: Clock;
}

/** A ticket and the browser that opened it. */
export interface LinkTicketReference {
  /** Valid only in that browser. */
  ticket_id: string;
  browser_hash: Buffer;
  remote_address: string;
}

export interface OpenTicket {
  user: LinkTicket;
  provider: AuthProvider;
}

export type LinkTickets = ReturnType<typeof createLinkTickets>;

export function createLinkTickets({ linkTickets, linkUser, credentials, freshLogin, providers, clock }: LinkTicketsDeps) {
  const placeOf = ({ ticket_id, browser_hash }: Omit<LinkTicketReference, 'remote_address'>) => {
    if (!TICKET_ID.test(ticket_id)) throw unknownTicket();
    return { token_hash: Buffer.from(ticket_id, 'hex'), browser_hash, now: clock() };
  };

  /** The provider, if people can link it. */
  function providerOf(key: ProviderKey): AuthProvider | undefined {
    const provider = providers.get(providerKeyText(key));
    return provider?.is_unlisted ? undefined : provider;
  }

  async function find(opened: LinkTicketReference): Promise<OpenTicket> {
    const ticket = await linkTickets.find(placeOf(opened));
    const provider = ticket && providerOf(ticket);
    if (!provider || blockReason(ticket, opened.remote_address) !== null) throw unknownTicket();
    return { user: ticket, provider };
  }

  return {
    /** Issues a ticket to a caller with a fresh login; the secret is shown only once. */
    async issue(caller: Caller, key: ProviderKey): Promise<{ ticket: string; expires_at: Date }> {
      const { user, refresh_token_id } = caller;
      if (user.system_generated) throw new AuthError('not_system_user', 'Not allowed as system user');
      const now = clock();
      await freshLogin.require(actorOf(caller, ''));
      const provider = providerOf(key);
      if (!provider) throw new AuthError('not_found', 'There is no such auth provider');
      const { auth_provider_type, auth_provider_id } = provider;
      if (await credentials.ofUserAt(user.id, provider)) throw new AuthError('credential_exists', 'You have a login of that provider');
      const ticket = randomToken('lk_li_');
      const times = { created_at: now, expires_at: addSeconds(now, LIFETIME) };
      await linkTickets.put({
        token_hash: sha256(ticket),
        user_id: user.id,
        refresh_token_id,
        auth_provider_type,
        auth_provider_id,
        ...times,
      });
      return { ticket, expires_at: times.expires_at };
    },

    /** Binds the ticket to a browser; returns its id. */
    async open(ticket: string, browser_hash: Buffer): Promise<string> {
      const token_hash = sha256(ticket);
      if (!(await linkTickets.open({ token_hash, browser_hash, now: clock() }))) throw unknownTicket();
      return token_hash.toString('hex');
    },

    /** The ticket's user and provider; throws `unknown_flow`. */
    find,

    /** Redeems the ticket: links the login behind the code to its user. */
    async redeem(opened: LinkTicketReference, code: { code: string; client_id: string }): Promise<OpenTicket> {
      const open = await find(opened);
      if (!(await linkTickets.take(placeOf(opened)))) throw unknownTicket();
      const { user_id, is_owner, system_generated } = open.user;
      const actor = { user_id, is_owner, is_admin: false, remote_address: opened.remote_address };
      await linkUser.linkByTicket({ id: user_id, system_generated }, code, actor);
      return open;
    },
  };
}

function unknownTicket(): AuthError {
  return new AuthError('unknown_flow');
}
