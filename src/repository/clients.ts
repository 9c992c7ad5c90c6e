// The table `clients`: registered by the configuration, administrators, or themselves. Requests
// find enabled ones only; listings show all.
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { Client, ClientApproval } from '../domain/client.ts';
import type { ClientFields } from '../domain/client_metadata.ts';
import { AuthError } from '../domain/errors.ts';
import { type Page, type PageRequest, pageSize } from '../domain/pagination.ts';
import type { Database } from '../postgres/database.ts';
import { lockInOrder } from '../postgres/lock_in_order.ts';
import type { Schema } from '../postgres/schema.ts';
import { isUnexpiredSecret, MAX_SECRETS } from './client_secrets.ts';

type ManagedBy = 'config' | 'database' | 'registration';

/** A client as stored, without secrets. */
export interface RegisteredClient extends ClientFields {
  client_id: string;
  managed_by: ManagedBy;
  is_enabled: boolean;
  /** Of a client that registered without a token; null for others. */
  approval: ClientApproval | null;
  created_at: Date;
}

/** `registered_from`: the network of a self-registered client. */
export type NewClient = Omit<RegisteredClient, 'is_enabled' | 'approval'> & {
  registration_token_hash?: Buffer;
  registered_from?: string;
  approval?: ClientApproval | null;
};

export interface ClientWithSecrets {
  client: Client;
  secrets: { id: string; secret_hash: Buffer }[];
}

export type ClientRepository = ReturnType<typeof createClientRepository>;

const FIELDS = [
  ...(['client_name', 'client_uri', 'logo_uri', 'policy_uri', 'tos_uri', 'redirect_uris', 'post_logout_redirect_uris'] as const),
  ...(['token_endpoint_auth_method', 'grant_types', 'response_types', 'response_modes', 'scope', 'resources', 'jwks', 'jwks_uri'] as const),
  ...(['id_token_signed_response_alg', 'access_token_signed_response_alg', 'userinfo_signed_response_alg'] as const),
  ...(['default_max_age', 'require_auth_time', 'dpop_bound_access_tokens', 'require_pushed_authorization_requests'] as const),
  ...(['require_pkce', 'refuse_unknown_scopes', 'id_token_claims', 'claims', 'backchannel_logout_uri', 'profile', 'trusted'] as const),
  ...(['allowed_group_ids', 'access_token_lifetime', 'refresh_token_idle_lifetime', 'refresh_token_lifetime'] as const),
] as const satisfies (keyof ClientFields)[];
export const CLIENT_ROW = [
  'client_id',
  ...FIELDS,
  'managed_by',
  'is_enabled',
  'approval',
  'created_at',
] as const satisfies (keyof RegisteredClient)[];

/** Metadata of self-registered clients is unverified. */
const KIND = sql<'registered' | 'self_registered'>`case c.managed_by when 'registration' then 'self_registered' else 'registered' end`;

export function createClientRepository({ kysely, prepareBatched }: Pick<Database, 'kysely' | 'prepareBatched'>) {
  const enabled = (db: Kysely<Schema>, client_id: string) =>
    db
      .selectFrom('clients as c')
      .select(['c.client_id', ...FIELDS, 'c.approval', KIND.as('kind')])
      .where('c.client_id', '=', client_id)
      .where('c.is_enabled', '=', true);

  const find = prepareBatched<{ client_id: string }, Client>('clients_find', (db, p) => enabled(db, p.client_id));

  const findWithSecrets = prepareBatched<{ client_id: string; now: Date }, Client & { secret_ids: string[]; secret_hashes: Buffer[] }>(
    'clients_find_with_secrets',
    (db, p) => {
      // Both lists in the same order.
      const secrets = <Value>(column: 'id' | 'secret_hash') => sql<Value[]>`array(select s.${sql.id(column)} from client_secrets s
        where s.client_id = c.client_id and ${isUnexpiredSecret(p.now)} order by s.created_at desc, s.id limit ${sql.lit(MAX_SECRETS)})`;
      return enabled(db, p.client_id).select([secrets<string>('id').as('secret_ids'), secrets<Buffer>('secret_hash').as('secret_hashes')]);
    },
  );

  return {
    /** An enabled client. */
    find: async (client_id: string): Promise<Client | undefined> => (await find({ client_id }))[0],

    /** The same, with the hashes that its secret may have. */
    async findWithSecrets(request: { client_id: string; now: Date }): Promise<ClientWithSecrets | undefined> {
      const [found] = await findWithSecrets(request);
      if (!found) return undefined;
      const { secret_ids, secret_hashes, ...client } = found;
      return { client, secrets: secret_hashes.map((secret_hash, index) => ({ id: secret_ids[index] ?? '', secret_hash })) };
    },

    /** Any client, locked until the transaction ends. */
    get: (client_id: string, trx?: Kysely<Schema>): Promise<RegisteredClient | undefined> =>
      (trx ?? kysely)
        .selectFrom('clients')
        .select(CLIENT_ROW)
        .where('client_id', '=', client_id)
        .$if(trx !== undefined, (query) => query.forUpdate())
        .executeTakeFirst(),

    /** Ordered by name. */
    async page(request: PageRequest): Promise<Page<RegisteredClient>> {
      const size = pageSize(request);
      const rows = await kysely
        .selectFrom('clients')
        .select(CLIENT_ROW)
        .where('client_id', '>', afterOf(request.cursor))
        .orderBy('client_id')
        .limit(size + 1)
        .execute();
      const items = rows.slice(0, size);
      return { items, next_cursor: rows.length > size ? Buffer.from(items.at(-1)?.client_id ?? '').toString('base64url') : null };
    },

    /** False if the client_id is taken. */
    async insert(trx: Kysely<Schema>, client: NewClient): Promise<boolean> {
      const inserted = await trx
        .insertInto('clients')
        .values(rowOf(client))
        .onConflict((conflict) => conflict.doNothing())
        .returning('client_id')
        .executeTakeFirst();
      return inserted !== undefined;
    },

    /** Replaces these fields; `operator_fields` are those set by an operator. */
    async update(trx: Kysely<Schema>, client_id: string, fields: ClientFields, operator_fields: readonly string[] = []): Promise<void> {
      await trx
        .updateTable('clients')
        .set(columnsOf(fields))
        .set({ operator_fields: sql`array(select distinct unnest(operator_fields || ${operator_fields}::text[]))` })
        .where('client_id', '=', client_id)
        .execute();
    },

    /** The names of fields set by an operator; locks the row. */
    async operatorFields(trx: Kysely<Schema>, client_id: string): Promise<string[]> {
      const found = await trx
        .selectFrom('clients')
        .select('operator_fields')
        .where('client_id', '=', client_id)
        .forUpdate()
        .executeTakeFirst();
      return found?.operator_fields ?? [];
    },

    /** Deletes the client with its secrets. */
    async remove(trx: Kysely<Schema>, client_id: string): Promise<boolean> {
      const { numDeletedRows } = await trx.deleteFrom('clients').where('client_id', '=', client_id).executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },

    /**
     * Deletes everything granted to a client, and consents. Returns `of_owner`: grants of the owner
     * among them.
     */
    async removeGrants(trx: Kysely<Schema>, client_id: string): Promise<{ of_owner: boolean }> {
      // Codes first: this waits for codes being redeemed, so that their grants are visible.
      for (const table of ['authorization_codes', 'refresh_tokens'] as const)
        await lockInOrder(trx, table, sql<boolean>`client_id = ${client_id}`);
      const ended = await trx
        .with('gone', (db) => db.deleteFrom('refresh_tokens').where('client_id', '=', client_id).returning('user_id'))
        .selectFrom('gone')
        .innerJoin('users', 'users.id', 'gone.user_id')
        .select('users.id')
        .where('users.is_owner', '=', true)
        .limit(1)
        .execute();
      for (const table of ['authorization_codes', 'consents', 'device_codes'] as const)
        await trx.deleteFrom(table).where('client_id', '=', client_id).execute();
      return { of_owner: ended.length > 0 };
    },

    /**
     * Creates or updates the configuration's clients; returns those that changed. Clients created
     * otherwise are not taken over.
     */
    async put(trx: Kysely<Schema>, clients: readonly NewClient[]): Promise<string[]> {
      if (clients.length === 0) return [];
      const columns = sql.join([...comparable('clients'), sql.ref('clients.is_enabled')]);
      const excluded = sql.join([...comparable('excluded'), sql.lit(true)]);
      const written = await trx
        .insertInto('clients')
        .values(clients.map(rowOf))
        .onConflict((conflict) =>
          conflict
            .column('client_id')
            .doUpdateSet(({ ref }) => ({
              ...Object.fromEntries(FIELDS.map((name) => [name, ref(`excluded.${name}`)])),
              is_enabled: true,
            }))
            .where(sql<SqlBool>`clients.managed_by = 'config' and (${columns}) is distinct from (${excluded})`),
        )
        .returning('client_id')
        .execute();
      return written.map(({ client_id }) => client_id);
    },

    /** Which of these ids belong to clients not made by the configuration. */
    async taken(trx: Kysely<Schema>, client_ids: readonly string[]): Promise<string[]> {
      const rows = await trx
        .selectFrom('clients')
        .select('client_id')
        .where(sql<SqlBool>`client_id = any(${client_ids})`)
        .where('managed_by', '<>', 'config')
        .execute();
      return rows.map(({ client_id }) => client_id);
    },

    /** Disables clients removed from the configuration. Their grants stay but are refused. */
    async disableOthers(trx: Kysely<Schema>, client_ids: readonly string[]): Promise<string[]> {
      const disabled = await trx
        .updateTable('clients')
        .set({ is_enabled: false })
        .where('managed_by', '=', 'config')
        .where('is_enabled', '=', true)
        .where(sql<SqlBool>`client_id <> all(${client_ids})`)
        .returning('client_id')
        .execute();
      return disabled.map(({ client_id }) => client_id);
    },

    /** The self-registered client with this token hash. */
    findByRegistrationToken: (client_id: string, registration_token_hash: Buffer): Promise<RegisteredClient | undefined> =>
      kysely
        .selectFrom('clients')
        .select(CLIENT_ROW)
        .where('client_id', '=', client_id)
        .where('registration_token_hash', '=', registration_token_hash)
        .where('is_enabled', '=', true)
        .executeTakeFirst(),
  };
}

/** The fields of a row; `json` has no equality. */
function comparable(row: 'clients' | 'excluded') {
  return FIELDS.map((name) => (name === 'claims' ? sql`${sql.ref(`${row}.${name}`)}::text` : sql.ref(`${row}.${name}`)));
}

/** The columns of the fields; other properties are dropped. */
function columnsOf(fields: ClientFields) {
  const { jwks, claims, ...rest } = fields;
  const columns = Object.fromEntries(
    FIELDS.flatMap((name) => (name === 'jwks' || name === 'claims' ? [] : [[name, rest[name]]])),
  ) as typeof rest;
  return { ...columns, jwks: jwks && JSON.stringify(jwks), claims: JSON.stringify(claims) };
}

function rowOf(client: NewClient) {
  const { client_id, managed_by, created_at, registration_token_hash = null, registered_from = null, approval = null } = client;
  const registration = { registration_token_hash, registered_from, approval, approval_since: approval && created_at };
  return { ...columnsOf(client), client_id, managed_by, created_at, ...registration, is_enabled: true };
}

/** The name in a cursor. */
function afterOf(cursor: string | null): string {
  const client_id = Buffer.from(cursor ?? '', 'base64url').toString();
  if (client_id.includes('\0')) throw new AuthError('invalid_format', 'Invalid cursor');
  return client_id;
}

/** A self-registered client as requests see it. */
export function selfRegistered({ managed_by: _, is_enabled: __, created_at: ___, ...client }: RegisteredClient): Client {
  return { ...client, kind: 'self_registered' };
}
