// Client authentication (RFC 6749 section 2.3): Basic, secret in the body, signed assertion (RFC
// 7523) or none. All failures give the same answer, in the same time for unknown clients and wrong
// secrets.
import { type Client, isConfidential } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { ClientSecretRepository } from '../repository/client_secrets.ts';
import type { ClientRepository } from '../repository/clients.ts';
import type { ClientSecretHash } from '../tokens/client_secret.ts';
import { type BasicCredentials, parseBasic } from './basic_credentials.ts';
import { ASSERTION_TYPE, type ClientAssertions } from './client_assertion.ts';
import type { ClientDirectory } from './client_directory.ts';

export interface ClientAuthenticationDeps {
  clientDirectory: Pick<ClientDirectory, 'find' | 'complete'>;
  clients: Pick<ClientRepository, 'findWithSecrets'>;
  clientSecrets: Pick<ClientSecretRepository, 'rehash'>;
  clientSecretHash: ClientSecretHash;
  clientAssertions: ClientAssertions;
  clock: Clock;
}

interface ClientAuthenticationRequest {
  /** The raw header. */
  authorization: string | undefined;
  parameters: ReadonlyMap<string, string>;
  remote_address: string;
  /** The path of the called endpoint, an accepted audience of assertions. */
  endpoint: string;
  /** Creates the error, instead of `invalid_client`, for an unknown client without credentials. */
  unknown_client?: () => AuthError;
}

export interface ClientAuthentication {
  /**
   * The authenticated client; a public one is only named. Throws `invalid_client`, and
   * `invalid_request` for more than one method.
   */
  authenticate(request: ClientAuthenticationRequest): Promise<Client>;
}

/** The credentials of a request. */
type Proof =
  | { method: 'none'; client_ids: string[] }
  /** The readings of the Basic header; at least one. */
  | { method: 'client_secret'; readings: BasicCredentials[] }
  | { method: 'client_assertion'; client_id: string; client_assertion: string };

export function createClientAuthentication(deps: ClientAuthenticationDeps): ClientAuthentication {
  const { clientDirectory, clients, clientSecrets, clientSecretHash, clientAssertions, clock } = deps;

  async function findClient(client_id: string, remote_address: string, unknown_client?: () => AuthError): Promise<Client> {
    const client = await clientDirectory.find(client_id, remote_address).catch(asUnknown);
    if (client === null && unknown_client) throw unknown_client();
    return client ?? refuse('unknown client');
  }

  async function matchSecret({ client_id, client_secret }: BasicCredentials) {
    const name = isStorable(client_id) ? client_id : '';
    const found = await clients.findWithSecrets({ client_id: name, now: clock() });
    return { found, match: clientSecretHash.find(client_secret, found?.secrets ?? []) };
  }

  /**
   * Only registered clients have secrets. An unknown client takes as many lookups as a wrong
   * secret.
   */
  async function checkSecret([reading, ...others]: readonly BasicCredentials[], is_known = false): Promise<Client> {
    if (!reading) return refuse(is_known ? 'wrong secret' : 'unknown client');
    const { found, match } = await matchSecret(reading);
    if (!found || !match) return await checkSecret(others, is_known || found !== undefined);
    const client = clientDirectory.complete(found.client);
    // Basic and body are interchangeable, since few clients declare the method they use.
    if (!client.token_endpoint_auth_method.startsWith('client_secret')) return refuse('the client does not prove itself by a secret');
    const { row, new_hash } = match;
    if (new_hash) await clientSecrets.rehash({ id: row.id, old_hash: row.secret_hash, new_hash });
    return client;
  }

  async function checkAssertion(
    { client_id, client_assertion }: { client_id: string; client_assertion: string },
    { remote_address, endpoint }: ClientAuthenticationRequest,
  ): Promise<Client> {
    const client = await findClient(client_id, remote_address);
    if (client.token_endpoint_auth_method !== 'private_key_jwt') return refuse('the client does not prove itself by assertions');
    await clientAssertions.prove(client_assertion, client, { remote_address, endpoint });
    return client;
  }

  /** Tries each reading of the client_id. */
  async function checkName([client_id = '', ...others]: readonly string[], request: ClientAuthenticationRequest): Promise<Client> {
    const { remote_address, unknown_client } = request;
    const found = others.length === 0 ? undefined : await clientDirectory.find(client_id, remote_address).catch(asUnknown);
    if (found === null) return await checkName(others, request);
    const client = found ?? (await findClient(client_id, remote_address, unknown_client));
    return isConfidential(client) ? refuse('a client that proves itself came without a proof') : client;
  }

  async function prove(proof: Proof, request: ClientAuthenticationRequest): Promise<Client> {
    if (proof.method === 'client_secret') return await checkSecret(proof.readings);
    if (proof.method === 'client_assertion') return await checkAssertion(proof, request);
    return await checkName(proof.client_ids, request);
  }

  return {
    async authenticate(request) {
      const proof = readProof(request, clientAssertions);
      const client = await prove(proof, request);
      return client.approval === 'refused' ? refuse('the owner refused the client') : client;
    },
  };
}

function readProof({ authorization, parameters }: ClientAuthenticationRequest, assertions: ClientAssertions): Proof {
  const named = parameters.get('client_id');
  const client_assertion = parameters.get('client_assertion');
  const in_body = parameters.get('client_secret') || undefined;
  // Other schemes do not authenticate the client.
  const basic = /^basic\b/i.test(authorization ?? '')
    ? (parseBasic(authorization ?? '') ?? refuse('an Authorization header that cannot be read'))
    : undefined;
  // Some clients without a secret send an empty one.
  const in_header = basic?.[0].client_secret || undefined;
  // RFC 6749 section 2.3: no more than one method in each request.
  if ([in_header, in_body, client_assertion].filter((proof) => proof !== undefined).length > 1)
    throw new AuthError('invalid_request', 'More than one client authentication method');
  const claimed =
    client_assertion === undefined ? undefined : (assertions.claimedBy(client_assertion) ?? refuse('an assertion that is no client’s'));
  const readings = basic?.filter((reading) => named === undefined || reading.client_id === named) ?? [];
  const in_basic = (readings[0] ?? basic?.[0])?.client_id;
  const [client_id, another] = new Set([claimed, in_basic, named].filter((id) => id !== undefined));
  if (client_id === undefined) return refuse('no client is named');
  if (another !== undefined) throw new AuthError('invalid_request', 'More than one client is named');
  if (client_assertion !== undefined) {
    if (parameters.get('client_assertion_type') !== ASSERTION_TYPE) refuse('an unknown client_assertion_type');
    return { method: 'client_assertion', client_id, client_assertion };
  }
  if (in_header !== undefined) return { method: 'client_secret', readings };
  if (in_body !== undefined) return { method: 'client_secret', readings: [{ client_id, client_secret: in_body }] };
  return { method: 'none', client_ids: readings.length > 0 ? [...new Set(readings.map((reading) => reading.client_id))] : [client_id] };
}

/** PostgreSQL can store neither NUL nor lone surrogates. */
function isStorable(text: string): boolean {
  return text.length <= 256 && text.isWellFormed() && !text.includes('\0');
}

/** A client with an invalid document counts as unknown here. */
function asUnknown(error: unknown): never {
  if (error instanceof AuthError && error.code === 'invalid_client_id') return refuse(error.detail ?? error.description);
  throw error;
}

function refuse(detail: string): never {
  throw new AuthError('invalid_client', 'Client authentication failed', { detail });
}
