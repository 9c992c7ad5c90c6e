// The table `url_clients`: URL clients that need approval, decisions, and clients with a known
// metadata document.
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { JsonObject } from '../domain/json.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';

/**
 * `seen`: no approval was requested; a person has logged in to a client with a metadata document.
 */
export type UrlClientStatus = 'pending' | 'approved' | 'refused' | 'seen';

/** A URL client in listings. */
export interface UrlClient {
  client_id: string;
  status: UrlClientStatus;
  /** Its metadata at the last request, and a hash of what was approved. */
  metadata: JsonObject;
  metadata_hash: string;
  created_at: Date;
  decided_at: Date | null;
}

export type UrlClientRepository = ReturnType<typeof createUrlClientRepository>;

/** Maximum waiting clients: anybody can add one. */
const MAX_PENDING = 1000;
/** Maximum clients stored without approval; the oldest is evicted. */
const MAX_SEEN = 10_000;

export function createUrlClientRepository({ kysely, prepare }: Pick<Database, 'kysely' | 'prepare'>) {
  const find = prepare<{ client_id: string }, { status: UrlClientStatus; metadata_hash: Buffer; kind: string | null }>(
    'url_clients_find',
    (db, p) =>
      db
        .selectFrom('url_clients')
        .select(['status', 'metadata_hash', sql<string | null>`metadata->>'kind'`.as('kind')])
        .where('client_id', '=', p.client_id),
  );

  return {
    find: async (client_id: string) => (await find({ client_id }))[0],

    /**
     * Requests approval of an unknown client, or of an approved one whose metadata changed. Blocked
     * ones stay blocked. True if there is something to decide. Does nothing when too many are
     * waiting.
     */
    async ask(client: { client_id: string; metadata_hash: Buffer; metadata: JsonObject; now: Date }): Promise<boolean> {
      const { now, metadata, ...row } = client;
      const waiting = sql<number>`(select count(*) from url_clients where status = 'pending')`;
      const asked = await kysely
        .insertInto('url_clients')
        .columns(['client_id', 'status', 'metadata_hash', 'metadata', 'created_at'])
        .expression(
          kysely
            .selectNoFrom([
              sql<string>`${row.client_id}`.as('client_id'),
              sql<'pending'>`'pending'`.as('status'),
              sql<Buffer>`${row.metadata_hash}::bytea`.as('metadata_hash'),
              sql<string>`${JSON.stringify(metadata)}::jsonb`.as('metadata'),
              sql<Date>`${now}::timestamptz`.as('created_at'),
            ])
            .where(sql<SqlBool>`${waiting} < ${sql.lit(MAX_PENDING)}`),
        )
        .onConflict((conflict) =>
          conflict
            .column('client_id')
            .doUpdateSet(({ ref }) => ({
              status: 'pending',
              metadata_hash: ref('excluded.metadata_hash'),
              metadata: ref('excluded.metadata'),
              created_at: ref('excluded.created_at'),
              decided_at: null,
            }))
            .where(sql<SqlBool>`url_clients.status = 'seen'
              or (url_clients.status <> 'refused' and url_clients.metadata_hash <> excluded.metadata_hash)`),
        )
        .returning('client_id')
        .executeTakeFirst();
      return asked !== undefined;
    },

    /** Records a client with a metadata document, unless it is known. */
    async see(client: { client_id: string; metadata_hash: Buffer; metadata: JsonObject; now: Date }): Promise<void> {
      const { now, metadata, ...row } = client;
      const seen = await kysely
        .insertInto('url_clients')
        .values({ ...row, status: 'seen', metadata: JSON.stringify(metadata), created_at: now })
        .onConflict((conflict) => conflict.doNothing())
        .returning('client_id')
        .executeTakeFirst();
      if (!seen) return;
      const surplus = kysely.selectFrom('url_clients').select('client_id').where('status', '=', 'seen').orderBy('created_at', 'desc');
      await kysely.deleteFrom('url_clients').where('status', '=', 'seen').where('client_id', 'in', surplus.offset(MAX_SEEN)).execute();
    },

    /** Waiting clients, oldest first. */
    pending: (limit: number): Promise<UrlClient[]> =>
      kysely
        .selectFrom('url_clients')
        .select(['client_id', 'status', 'metadata', 'created_at', 'decided_at'])
        .select(sql<string>`encode(metadata_hash, 'hex')`.as('metadata_hash'))
        .where('status', '=', 'pending')
        .orderBy('created_at')
        .orderBy('client_id')
        .limit(limit)
        .execute(),

    /** Decisions can be changed. False for an unknown client, or if its metadata has changed. */
    async decide(
      trx: Kysely<Schema>,
      { client_id, metadata_hash, status, now }: { client_id: string; metadata_hash: string | null; status: UrlClientStatus; now: Date },
    ): Promise<boolean> {
      const decided = await trx
        .updateTable('url_clients')
        .set({ status, decided_at: now })
        .where('client_id', '=', client_id)
        .$if(metadata_hash !== null, (query) => query.where(sql<string>`encode(metadata_hash, 'hex')`, '=', metadata_hash ?? ''))
        .returning('client_id')
        .executeTakeFirst();
      return decided !== undefined;
    },
  };
}
