// The table `link_tickets`: who may link a login at which provider, found by the hash of a secret
// and bound to the first browser that opens it.
import { type SqlBool, sql } from 'kysely';
import type { ProviderKey } from '../domain/auth_provider.ts';
import type { User } from '../domain/user.ts';
import type { Database } from '../postgres/database.ts';

export interface NewLinkTicket extends ProviderKey {
  token_hash: Buffer;
  user_id: string;
  refresh_token_id: string;
  created_at: Date;
  expires_at: Date;
}

/** A ticket and its browser. */
export interface LinkTicketPlace {
  token_hash: Buffer;
  browser_hash: Buffer;
  now: Date;
}

/** A valid ticket, and what decides whether its user may authenticate. */
export interface LinkTicket extends ProviderKey {
  user_id: string;
  name: User['name'];
  is_active: boolean;
  is_owner: boolean;
  local_only: boolean;
  system_generated: boolean;
}

export type LinkTicketRepository = ReturnType<typeof createLinkTicketRepository>;

export function createLinkTicketRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /** Replaces the user's earlier ticket for that provider. */
    async put(ticket: NewLinkTicket): Promise<void> {
      await kysely
        .insertInto('link_tickets')
        .values(ticket)
        .onConflict((conflict) =>
          conflict.expression(sql`user_id, auth_provider_type, (coalesce(auth_provider_id, ''))`).doUpdateSet(({ ref }) => ({
            token_hash: ref('excluded.token_hash'),
            refresh_token_id: ref('excluded.refresh_token_id'),
            browser_hash: null,
            created_at: ref('excluded.created_at'),
            expires_at: ref('excluded.expires_at'),
          })),
        )
        .execute();
    },

    /** Binds a ticket to a browser, unless another one was first. */
    async open({ token_hash, browser_hash, now }: LinkTicketPlace): Promise<boolean> {
      const opened = await kysely
        .updateTable('link_tickets')
        .set({ browser_hash })
        .where('token_hash', '=', token_hash)
        .where('expires_at', '>', now)
        .where(sql<SqlBool>`coalesce(browser_hash, ${browser_hash}) = ${browser_hash}`)
        .returning('token_hash')
        .executeTakeFirst();
      return opened !== undefined;
    },

    find: ({ token_hash, browser_hash, now }: LinkTicketPlace): Promise<LinkTicket | undefined> =>
      kysely
        .selectFrom('link_tickets as t')
        .innerJoin('users as u', 'u.id', 't.user_id')
        .select(['t.user_id', 't.auth_provider_type', 't.auth_provider_id'])
        .select(['u.name', 'u.is_active', 'u.is_owner', 'u.local_only', 'u.system_generated'])
        .where('token_hash', '=', token_hash)
        .where('browser_hash', '=', browser_hash)
        .where('expires_at', '>', now)
        .executeTakeFirst(),

    /** Deletes a ticket; false if it is gone. */
    async take({ token_hash, browser_hash, now }: LinkTicketPlace): Promise<boolean> {
      const taken = await kysely
        .deleteFrom('link_tickets')
        .where('token_hash', '=', token_hash)
        .where('browser_hash', '=', browser_hash)
        .where('expires_at', '>', now)
        .returning('token_hash')
        .executeTakeFirst();
      return taken !== undefined;
    },
  };
}
