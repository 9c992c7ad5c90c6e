// Dynamic registration (RFC 7591) and its management (RFC 7592). Off by default; with an initial
// access token, or open to anybody, usually with the owner's approval. Fields reserved to the
// operator are ignored or refused.
import { z } from 'zod';
import type { Client, ClientApproval } from '../domain/client.ts';
import { metadataHash } from '../domain/client_approval.ts';
import {
  CLIENT_DEFAULTS,
  type ClientFields,
  type ClientRules,
  clientFields,
  clientMetadataIssues,
  selfDeclaredFields,
  withClientDefaults,
} from '../domain/client_metadata.ts';
import { type Clock, epochSeconds } from '../domain/clock.ts';
import { metadataWording } from '../domain/error_description.ts';
import { AuthError } from '../domain/errors.ts';
import { pathText } from '../domain/json.ts';
import { failureKey } from '../domain/network.ts';
import { randomId, randomToken, safeEqual, sha256 } from '../domain/secret.ts';
import { METADATA_OF_ALL, unsupportedField } from '../domain/unsupported_metadata.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { ClientApprovalRepository } from '../repository/client_approvals.ts';
import type { ClientSecretRepository } from '../repository/client_secrets.ts';
import { type ClientRepository, type RegisteredClient, selfRegistered } from '../repository/clients.ts';
import { makeRoomForRegistration } from '../repository/registration_limit.ts';
import { type ClientSecretHash, newClientSecret } from '../tokens/client_secret.ts';
import { SELF_MADE_GRANT_TYPES } from './client_metadata_document.ts';

export interface RegistrationDeps {
  database: Pick<Database, 'transaction'>;
  clients: ClientRepository;
  clientApprovals: Pick<ClientApprovalRepository, 'askAgain' | 'retire'>;
  clientSecrets: ClientSecretRepository;
  clientSecretHash: ClientSecretHash;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  public_url: string;
  /** The token for registering; null: there is none. */
  initial_access_token: string | null;
  /** Registration without a token; null: not allowed. */
  open: OpenRegistration | null;
  rules: ClientRules & { scopes: readonly string[] };
  /** Whether many people may share an address (loopback and proxies). */
  isSharedAddress(address: string): boolean;
}

/** Registration by anybody. */
interface OpenRegistration {
  /** Whether the owner must approve such clients. */
  approve: boolean;
  /** Maximum per IPv4 address or IPv6 /64 and hour. */
  max_per_hour: number;
}

/** A client in registration responses (RFC 7591 section 3.2.1). */
export type ClientInformation = Record<string, unknown> & { client_id: string };

type Transaction = Parameters<ClientRepository['insert']>[0];

export type Registration = ReturnType<typeof createRegistration>;

/** Maximum registrations in the queue. */
const MAX_WAITING = 64;

/** Maximum length of metadata sent without a token, as JSON. */
const MAX_OPEN_METADATA = 20_000;

/** Fields reserved to the operator. */
const OPERATOR_FIELDS = Object.keys(CLIENT_DEFAULTS).filter((field) => !(field in clientFields));

const request = z
  .object({
    ...selfDeclaredFields,
    client_id: z.string(),
    client_secret: z.string(),
    response_types: z.array(z.literal('code')).min(1).max(1),
  })
  .partial();

const REFUSED = {
  full: 'Too many clients are registered from this address',
  too_often: 'Too many clients have registered from this address in the last hour',
} as const;

export function createRegistration(deps: RegistrationDeps) {
  const { database, clients, clientApprovals, clientSecrets, clientSecretHash, audit, clock, public_url, rules } = deps;

  async function addSecret(trx: Transaction, client_id: string): Promise<string> {
    const client_secret = newClientSecret();
    const secret_hash = clientSecretHash.hash(client_secret);
    await clientSecrets.insert(trx, { id: randomId(), client_id, secret_hash, created_at: clock(), expires_at: null });
    return client_secret;
  }

  function informationOf(
    client: ClientFields & Pick<RegisteredClient, 'client_id' | 'created_at'>,
    token: string,
    client_secret?: string,
  ): ClientInformation {
    const said = Object.fromEntries(Object.keys(clientFields).map((field) => [field, client[field as keyof typeof clientFields]]));
    return {
      ...METADATA_OF_ALL,
      ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)),
      scope: client.scope.join(' '),
      response_types: ['code'],
      client_id: client.client_id,
      client_id_issued_at: epochSeconds(client.created_at),
      // Never expires: RFC 7591 section 3.2.1.
      ...(client_secret !== undefined && { client_secret, client_secret_expires_at: 0 }),
      registration_access_token: token,
      registration_client_uri: `${public_url}/auth/register/${encodeURIComponent(client.client_id)}`,
    };
  }

  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  /** One at a time: they share a lock, and waiting for it must not hold connections. */
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (waiting >= MAX_WAITING) throw new AuthError('too_many_requests', 'Too many registrations at once', { retry_after: 1 });
    waiting += 1;
    const turn = last.then(work).finally(() => {
      waiting -= 1;
    });
    last = turn.catch(() => {});
    return await turn;
  }

  /** The approval that a new client needs; throws for a wrong token. */
  function approvalFor(token: string | null): ClientApproval | null {
    const { initial_access_token, open } = deps;
    if (token === null && open !== null) return open.approve ? 'new' : 'waived';
    if (token === null || initial_access_token === null || !safeEqual(token, initial_access_token)) return refuseToken(token);
    return null;
  }

  /** Deletes the oldest clients without a login. */
  async function makeRoom(trx: Transaction, source: Parameters<typeof makeRoomForRegistration>[1]): Promise<void> {
    const room = await makeRoomForRegistration(trx, source);
    if ('refused' in room)
      throw new AuthError('too_many_requests', REFUSED[room.refused], { ...(room.refused === 'too_often' && { retry_after: 3600 }) });
    for (const client_id of room.removed)
      await audit.insert(trx, { type: 'client.deleted', outcome: 'done', client_id, detail: { reason: 'unused' } });
  }

  async function find(client_id: string, token: string | null): Promise<RegisteredClient> {
    const isOurs = token !== null && /^[0-9a-f]{32}$/.test(client_id);
    const found = !isOurs ? undefined : await clients.findByRegistrationToken(client_id, sha256(token));
    return found ?? refuseToken(token);
  }

  return {
    async register(metadata: unknown, token: string | null, remote_address: string): Promise<ClientInformation> {
      const approval = approvalFor(token);
      if (approval !== null && JSON.stringify(metadata).length > MAX_OPEN_METADATA) throw invalid('The metadata is too long');
      const { fields } = readMetadata(metadata, rules);
      // Generated, so never a URL.
      const registered_from = failureKey(remote_address);
      const created_at = clock();
      const origin = { managed_by: 'registration' as const, created_at, registered_from, approval };
      const client = { ...fields, client_id: randomId(), ...origin };
      const is_shared = deps.isSharedAddress(remote_address);
      const max_per_hour = approval === null ? null : (deps.open?.max_per_hour ?? null);
      const registration_token = randomToken('lk_ra_');
      const store = async (trx: Transaction) => {
        await makeRoom(trx, { network: registered_from, is_shared, max_per_hour, now: created_at });
        await clients.insert(trx, { ...client, registration_token_hash: sha256(registration_token) });
        const client_secret = needsSecret(client) ? await addSecret(trx, client.client_id) : undefined;
        const detail = { client_name: client.client_name, managed_by: client.managed_by, ...(approval !== null && { approval }) };
        await audit.insert(trx, { type: 'client.created', outcome: 'done', client_id: client.client_id, remote_address, detail });
        return informationOf(client, registration_token, client_secret);
      };
      return await inTurn(() => database.transaction(store));
    },

    async read(client_id: string, token: string | null): Promise<ClientInformation> {
      return informationOf(await find(client_id, token), token ?? '');
    },

    /**
     * Omitted fields take their default (RFC 7592 section 2.2), except those that an operator has
     * set. The owner is asked again about an approved client that changes.
     */
    async update(client_id: string, metadata: unknown, token: string | null, remote_address: string): Promise<ClientInformation> {
      const client = await find(client_id, token);
      const { fields, named, client_secret } = readMetadata(metadata, rules);
      if (named !== client_id) throw invalid('client_id must be that of the client');
      const live = await clientSecrets.live({ client_id, now: clock() });
      if (client_secret !== undefined && !clientSecretHash.find(client_secret, live))
        throw invalid('client_secret must be that of the client');
      return await database.transaction(async (trx) => {
        const set_by_operator = new Set([...OPERATOR_FIELDS, ...(await clients.operatorFields(trx, client_id))]);
        const current = (await clients.get(client_id, trx)) ?? refuseToken(token);
        const kept = Object.entries(current).filter(([name]) => name in fields && set_by_operator.has(name));
        const whole: ClientFields = { ...fields, ...Object.fromEntries(kept) };
        refuseComplaints(whole, rules);
        await clients.update(trx, client_id, whole);
        const before = selfRegistered(current);
        if (
          !metadataHash({ ...before, ...whole }).equals(metadataHash(before)) &&
          (await clientApprovals.askAgain(trx, { client_id, now: clock() }))
        )
          await audit.insert(trx, { type: 'client.pending', outcome: 'done', client_id, remote_address });
        if (!needsSecret(whole)) for (const { id } of live) await clientSecrets.remove(trx, { client_id, id });
        const made = needsSecret(whole) && live.length === 0 ? await addSecret(trx, client_id) : undefined;
        await audit.insert(trx, { type: 'client.updated', outcome: 'done', client_id, remote_address });
        return informationOf({ ...whole, client_id, created_at: client.created_at }, token ?? '', made);
      });
    },

    async remove(client_id: string, token: string | null, remote_address: string): Promise<void> {
      await find(client_id, token);
      await database.transaction(async (trx) => {
        if (!(await clientApprovals.retire(trx, { client_id, now: clock() }))) await clients.remove(trx, client_id);
        await clients.removeGrants(trx, client_id);
        await audit.insert(trx, { type: 'client.deleted', outcome: 'done', client_id, remote_address });
      });
    },
  };
}

/** The requested metadata without unsupported values (RFC 7591 section 2). */
function readMetadata(metadata: unknown, rules: RegistrationDeps['rules']) {
  const read = request.safeParse(metadata, { error: metadataWording });
  if (!read.success) {
    const { path = [], message = '' } = read.error.issues[0] ?? {};
    throw invalid(`${pathText(path)} ${message}`, path[0] === 'redirect_uris');
  }
  const unsupported = unsupportedField(metadata);
  if (unsupported !== null) throw invalid(`${unsupported} asks for what this server does not do`);
  const { client_id: named, client_secret, response_types: _, grant_types, scope, ...said } = read.data;
  const fields = withClientDefaults(
    {
      ...said,
      grant_types: grant_types?.filter(
        (grant_type) => SELF_MADE_GRANT_TYPES.includes(grant_type) && rules.grant_types?.includes(grant_type) !== false,
      ),
      scope: rules.scopes.filter((name) => scope?.includes(name) ?? true),
    },
    { scope: [], token_endpoint_auth_method: 'client_secret_basic' },
  );
  if (fields.grant_types.length === 0) throw invalid('grant_types has none that may be had');
  refuseComplaints(fields, rules);
  return { fields, named, client_secret };
}

function refuseComplaints(fields: ClientFields, rules: RegistrationDeps['rules']): void {
  const [complaint] = clientMetadataIssues(fields, rules);
  if (complaint) throw new AuthError(complaint.code, `${pathText(complaint.path)} ${complaint.message}`);
}

function needsSecret({ token_endpoint_auth_method }: Pick<Client, 'token_endpoint_auth_method'>): boolean {
  return token_endpoint_auth_method.startsWith('client_secret');
}

function invalid(description: string, is_redirect = false): AuthError {
  return new AuthError(is_redirect ? 'unfit_redirect_uri' : 'invalid_client_metadata', description);
}

/**
 * The same for an unknown client (RFC 7592 section 2); without a token the error has no code (RFC
 * 6750 section 3.1).
 */
function refuseToken(token: string | null): never {
  throw new AuthError(token === null ? 'unauthenticated' : 'invalid_token', 'The access token is not that of the registration');
}
