// Registered clients: created, changed and removed by administrators. Clients of the configuration
// are synchronized at start and change only there. Self-registration is in oauth/registration.ts.
import { type Client, returnsIdToken } from '../domain/client.ts';
import { type ClientFields, type ClientRules, clientMetadataIssues, registeredId, withClientDefaults } from '../domain/client_metadata.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { groupsOfClaims } from '../domain/custom_claims.ts';
import { AuthError } from '../domain/errors.ts';
import { FAPI2_DEFAULTS } from '../domain/fapi2.ts';
import { pathText } from '../domain/json.ts';
import type { PageRequest } from '../domain/pagination.ts';
import { STANDARD_SCOPES } from '../domain/scope.ts';
import { randomId, sha256 } from '../domain/secret.ts';
import type { Database } from '../postgres/database.ts';
import { withMigrationLock } from '../postgres/migrations/migration_lock.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import { type ClientSecret, type ClientSecretRepository, MAX_SECRETS } from '../repository/client_secrets.ts';
import type { ClientRepository as ClientRows, RegisteredClient } from '../repository/clients.ts';
import type { GroupRepository } from '../repository/groups.ts';
import { type ClientSecretHash, newClientSecret } from '../tokens/client_secret.ts';
import { type Actor, auditActor, ownerProtectedError, requireOwner } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';

export interface ClientsDeps {
  database: Database;
  clients: ClientRows;
  clientSecrets: ClientSecretRepository;
  clientSecretHash: ClientSecretHash;
  groups: Pick<GroupRepository, 'list'>;
  freshLogin: FreshLogin;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  /** Limits on what administrators may register. */
  client_rules: ClientRules;
}

/** Absent fields keep their value, or take the default. */
export type ClientPatch = { [Field in keyof ClientFields]?: ClientFields[Field] | undefined };

export interface RegisteredClientEntry extends RegisteredClient {
  secrets: ClientSecret[];
}

/** A client of the configuration. */
export interface ConfiguredClient extends ClientFields {
  client_id: string;
  secrets: readonly string[];
}

type Transaction = Parameters<ClientRows['insert']>[0];

export type Clients = ReturnType<typeof createClients>;

export function createClients(deps: ClientsDeps) {
  const { database, clients, clientSecrets, clientSecretHash, groups, freshLogin, audit, clock, client_rules } = deps;
  async function get(client_id: string, trx?: Transaction): Promise<RegisteredClientEntry> {
    const client = (await clients.get(client_id, trx)) ?? notFound();
    return { ...client, secrets: await clientSecrets.list(client_id, trx) };
  }

  async function check(client: ClientFields): Promise<void> {
    const [complaint] = clientMetadataIssues(client, client_rules);
    if (complaint) throw new AuthError(complaint.code, `${pathText(complaint.path)} ${complaint.message}`);
    const wanted = [
      ...(client.allowed_group_ids ?? []).map((id, index) => ({ id, path: ['allowed_group_ids', index] })),
      ...groupsOfClaims(client.claims),
    ];
    const known = wanted.length > 0 ? (await groups.list()).map(({ id }) => id) : [];
    const unknown = wanted.find(({ id }) => !known.includes(id));
    if (unknown) throw new AuthError('unknown_group', `Unknown group: ${pathText(unknown.path)}`);
  }

  async function addSecret(trx: Transaction, client_id: string, now: Date): Promise<{ id: string; client_secret: string }> {
    const client_secret = newClientSecret();
    const id = randomId();
    await clientSecrets.insert(trx, {
      id,
      client_id,
      secret_hash: clientSecretHash.hash(client_secret),
      created_at: now,
      expires_at: null,
    });
    return { id, client_secret };
  }

  /** Runs a change with the client's row locked. */
  async function change<T>(
    client_id: string,
    actor: Actor,
    work: (trx: Transaction, client: RegisteredClientEntry) => Promise<T>,
  ): Promise<T> {
    return await database.transaction(async (trx) => {
      const client = await get(client_id, trx);
      // A trusted client gets codes in the owner's name without asking, so only the owner changes
      // it.
      if (client.trusted) requireOwner(actor);
      if (client.managed_by === 'config') throw new AuthError('managed_by_config', 'The client is changed in the configuration alone');
      return await work(trx, client);
    });
  }

  return {
    /** Ordered by name, disabled ones included. */
    list: (request: PageRequest) => clients.page(request),

    /** Throws `not_found`. */
    get: (client_id: string): Promise<RegisteredClientEntry> => get(client_id),

    /**
     * Creates a client; returns it with its secret, if it has one, which is shown only once. The
     * client_id is generated unless given.
     */
    async create(
      { client_id = randomId(), ...given }: ClientPatch & { client_id?: string | undefined },
      actor: Actor,
    ): Promise<RegisteredClientEntry & { client_secret: string | null }> {
      await freshLogin.require(actor);
      if (!registeredId.safeParse(client_id).success)
        throw new AuthError('invalid_format', 'client_id must be one line of text, and no URL');
      const client = withClientDefaults(given, { scope: [...STANDARD_SCOPES], token_endpoint_auth_method: 'client_secret_basic' });
      if (client.trusted) requireOwner(actor);
      await check(client);
      return await database.transaction(async (trx) => {
        const created_at = clock();
        if (!(await clients.insert(trx, { ...client, client_id, managed_by: 'database', created_at })))
          throw new AuthError('conflict', 'Another client has this client_id');
        const client_secret = needsSecret(client) ? (await addSecret(trx, client_id, created_at)).client_secret : null;
        await audit.insert(trx, { type: 'client.created', ...auditActor(actor), client_id, detail: { client_name: client.client_name } });
        return { ...(await get(client_id, trx)), client_secret };
      });
    },

    async update(client_id: string, patch: ClientPatch, actor: Actor): Promise<RegisteredClientEntry> {
      if (LOGIN_FIELDS.some((field) => patch[field] !== undefined)) await freshLogin.require(actor);
      return await change(client_id, actor, async (trx, client) => {
        // Setting the profile also sets what it requires.
        const changes = { ...(patch.profile === 'fapi2' && FAPI2_DEFAULTS), ...said(patch) };
        const whole = withClientDefaults({ ...client, ...changes }, client);
        if (whole.trusted) requireOwner(actor);
        if (client.managed_by === 'registration' && whole.response_types.some(returnsIdToken))
          throw new AuthError('invalid_client_metadata', 'response_types must be code for a client that registered itself');
        await check(whole);
        await clients.update(trx, client_id, whole, Object.keys(changes));
        if (!needsSecret(whole)) for (const { id } of client.secrets) await clientSecrets.remove(trx, { client_id, id });
        await audit.insert(trx, { type: 'client.updated', ...auditActor(actor), client_id, detail: { fields: Object.keys(changes) } });
        return await get(client_id, trx);
      });
    },

    /** Revokes everything that was granted to it. */
    async remove(client_id: string, actor: Actor): Promise<void> {
      await freshLogin.require(actor);
      await change(client_id, actor, async (trx, { client_name }) => {
        await clients.remove(trx, client_id);
        const { of_owner } = await clients.removeGrants(trx, client_id);
        if (of_owner && !actor.is_owner) throw ownerProtectedError();
        await audit.insert(trx, { type: 'client.deleted', ...auditActor(actor), client_id, detail: { client_name } });
      });
    },

    /** Creates a new secret, shown only once; earlier ones stay valid for `overlap` seconds. */
    async rotateSecret(
      client_id: string,
      overlap: number,
      actor: Actor,
    ): Promise<{ id: string; client_secret: string; others_expire_at: Date }> {
      await freshLogin.require(actor);
      return await change(client_id, actor, async (trx, client) => {
        if (!needsSecret(client)) throw new AuthError('conflict', 'The client does not prove itself by a secret');
        if (client.secrets.length >= MAX_SECRETS) throw new AuthError('conflict', 'The client has too many secrets: remove one first');
        const now = clock();
        const others_expire_at = addSeconds(now, overlap);
        const made = await addSecret(trx, client_id, now);
        await clientSecrets.expireOthers(trx, { client_id, id: made.id, expires_at: others_expire_at });
        const detail = { secret_id: made.id, others_expire_at: others_expire_at.toISOString() };
        await audit.insert(trx, { type: 'client.secret_created', ...auditActor(actor), client_id, detail });
        return { ...made, others_expire_at };
      });
    },

    async removeSecret(client_id: string, id: string, actor: Actor): Promise<void> {
      await freshLogin.require(actor);
      await change(client_id, actor, async (trx) => {
        if (!(await clientSecrets.remove(trx, { client_id, id }))) throw new AuthError('not_found', 'Secret not found');
        await audit.insert(trx, { type: 'client.secret_removed', ...auditActor(actor), client_id, detail: { secret_id: id } });
      });
    },

    /**
     * Synchronizes the database with the configuration. Removed clients are disabled, and their
     * tokens refused.
     */
    async reconcile(configured: readonly ConfiguredClient[]): Promise<void> {
      const client_ids = configured.map(({ client_id }) => client_id);
      const created_at = clock();
      const rows = configured.map((client) => ({ ...client, managed_by: 'config' as const, created_at }));
      const secrets = configured.flatMap(({ client_id, secrets }) =>
        secrets.map((secret) => {
          const secret_hash = clientSecretHash.hash(secret);
          // Over both: clients may share a secret, and a renamed client may keep its own.
          const id = sha256(Buffer.concat([Buffer.from(`${client_id}\0`), secret_hash])).toString('hex', 0, 16);
          return { id, client_id, secret_hash, created_at, expires_at: null };
        }),
      );
      await withMigrationLock(database, () =>
        database.transaction(async (trx) => {
          const [taken] = await clients.taken(trx, client_ids);
          if (taken !== undefined)
            throw new Error(
              `clients: ${taken} was registered elsewhere; run "latchkey client remove ${taken}", or take it out of the configuration`,
            );
          const written = await clients.put(trx, rows);
          const disabled = await clients.disableOthers(trx, client_ids);
          const new_secrets = await clientSecrets.replace(trx, client_ids, secrets);
          if (written.length + disabled.length + new_secrets.length === 0) return;
          await audit.insert(trx, { type: 'client.reconciled', outcome: 'done', detail: { written, disabled, new_secrets } });
        }),
      );
    },
  };
}

/** Fields that decide how a client authenticates, where it gets codes, and whom it sees. */
const LOGIN_FIELDS = ['trusted', 'profile', 'token_endpoint_auth_method', 'jwks', 'jwks_uri', 'redirect_uris', 'claims'] as const;

function said(patch: ClientPatch): ClientPatch {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
}

function needsSecret({ token_endpoint_auth_method }: Pick<Client, 'token_endpoint_auth_method'>): boolean {
  return token_endpoint_auth_method.startsWith('client_secret');
}

function notFound(): never {
  throw new AuthError('not_found', 'Client not found');
}
