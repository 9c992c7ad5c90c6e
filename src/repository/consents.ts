// Consents of people to clients: scopes, resource servers and redirect URIs.

import { type Kysely, sql } from 'kysely';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

export interface Consent {
  user_id: string;
  client_id: string;
  scope: string[];
  redirect_uris: string[];
  /** Other resource servers (RFC 8707). */
  resources: string[];
}

/** A consent as listed for its person. */
export interface ListedConsent extends Pick<Consent, 'client_id' | 'scope' | 'resources'> {
  client_name: string | null;
  granted_at: Date;
}

export type ConsentRepository = ReturnType<typeof createConsentRepository>;

/** Merges a new consent into an existing one. */
export function mergedWithExisting(now: Date) {
  return {
    scope: sql<string[]>`array(select distinct unnest(consents.scope || excluded.scope) order by 1)`,
    redirect_uris: sql<string[]>`array(select distinct unnest(consents.redirect_uris || excluded.redirect_uris) order by 1)`,
    resources: sql<string[]>`array(select distinct unnest(consents.resources || excluded.resources) order by 1)`,
    granted_at: now,
  };
}

export function createConsentRepository(database: Database) {
  const { kysely } = database;
  return {
    async find(user_id: string, client_id: string): Promise<Pick<Consent, 'scope' | 'redirect_uris' | 'resources'> | undefined> {
      return await kysely
        .selectFrom('consents')
        .select(['scope', 'redirect_uris', 'resources'])
        .where('user_id', '=', user_id)
        .where('client_id', '=', client_id)
        .executeTakeFirst();
    },

    /** Adds to earlier consents in one statement, so that parallel tabs lose nothing. */
    async grant({ user_id, client_id, scope, redirect_uris, resources }: Consent, now: Date): Promise<void> {
      await kysely
        .insertInto('consents')
        .values({ user_id, client_id, scope, redirect_uris, resources, granted_at: now })
        .onConflict((conflict) => conflict.columns(['user_id', 'client_id']).doUpdateSet(mergedWithExisting(now)))
        .execute();
    },

    /** Oldest first, at most 1000. Unregistered clients have no name here. */
    async list(user_id: string): Promise<ListedConsent[]> {
      return await kysely
        .selectFrom('consents as c')
        .leftJoin('clients as k', 'k.client_id', 'c.client_id')
        .select(['c.client_id', 'k.client_name', 'c.scope', 'c.resources', 'c.granted_at'])
        .where('c.user_id', '=', user_id)
        .orderBy('c.granted_at')
        .orderBy('c.client_id')
        .limit(1000)
        .execute();
    },

    /** Deletes a consent and the client's grants in one statement; false if there was none. */
    async withdraw(trx: Kysely<Schema>, user_id: string, client_id: string): Promise<boolean> {
      const withdrawn = await trx
        .with('ended', (db) =>
          db
            .deleteFrom('refresh_tokens')
            .where('user_id', '=', user_id)
            .where('client_id', '=', client_id)
            .where('profile', '=', 'standard'),
        )
        .deleteFrom('consents')
        .where('user_id', '=', user_id)
        .where('client_id', '=', client_id)
        .returning('client_id')
        .executeTakeFirst();
      return withdrawn !== undefined;
    },
  };
}
