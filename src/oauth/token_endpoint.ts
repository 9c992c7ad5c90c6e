// The token endpoint without HTTP (RFC 6749 section 3.2). The steps common to all grants are here,
// so that none can omit one. Repeated fields were refused while parsing the body.
import { type Client, isConfidential } from '../domain/client.ts';
import { isAcceptedClientId } from '../domain/client_id.ts';
import { AuthError } from '../domain/errors.ts';
import { type Parameters, withoutEmpty } from '../domain/parameters.ts';
import type { TokenSet } from '../domain/token.ts';
import type { Dpop } from '../tokens/dpop.ts';
import type { Grant, GrantRequest, RequestContext } from '../tokens/grant.ts';
import type { Issuer } from '../tokens/issuer.ts';
import type { ClientAuthentication } from './client_authentication.ts';
import { hasNoCredentials, sendsNoClientCredentials } from './dialect.ts';
import type { Revocation } from './revocation.ts';

export interface TokenEndpointDeps {
  /** By grant_type. */
  grants: ReadonlyMap<string, Grant>;
  issuer: Issuer;
  revocation: Pick<Revocation, 'revokeBySecret'>;
  clientAuthentication: ClientAuthentication;
  dpop: Dpop;
  public_url: string;
}

const PATH = '/auth/token';

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>;

export function createTokenEndpoint({ grants, issuer, revocation, clientAuthentication, dpop, public_url }: TokenEndpointDeps) {
  /** Home Assistant's clients are named by URL, or not at all. */
  const isNamedAsUrl = (client_id: string | undefined) => client_id === undefined || isAcceptedClientId(client_id, public_url);

  /** The client and its key. Home Assistant's clients prove neither. */
  // Object spreads come last here and in the grants: adding properties to a spread copy is slow in
  // V8.
  async function readRequest(grant: Grant, form: Parameters, context: RequestContext): Promise<GrantRequest> {
    const profile = sendsNoClientCredentials(form, context) ? (grant.profileOf?.(form) ?? 'standard') : 'standard';
    const client_id = form.get('client_id');
    if (profile === 'home_assistant' && isNamedAsUrl(client_id))
      return { parameters: form, client_id: client_id ?? null, client: null, dpop_jkt: null, ...context };
    const is_without_proof = grant.profileOf !== undefined && hasNoCredentials(form, context);
    if (profile === 'home_assistant' && is_without_proof) throw unknownClient();
    const parameters = withoutEmpty(form);
    const { authorization, remote_address, asker = remote_address } = context;
    const unknown_client = is_without_proof ? { unknown_client: unknownClient } : undefined;
    const client = await clientAuthentication.authenticate({
      authorization,
      parameters,
      remote_address: asker,
      endpoint: PATH,
      ...unknown_client,
    });
    judgeGrant(client, parameters.get('grant_type') ?? '');
    const dpop_jkt = await dpop.prove({ proofs: context.dpop ?? [], method: 'POST', path: PATH, profile: client.profile });
    // RFC 9449 section 5.2
    if (dpop_jkt === null && client.dpop_bound_access_tokens)
      throw new AuthError('invalid_dpop_proof', 'The client must send a DPoP proof');
    return { parameters, client_id: client.client_id, client, dpop_jkt, ...context };
  }

  return {
    /**
     * Tokens, or 'revoked' for the empty response; throws errors. An error without description has
     * none on the wire.
     */
    async answer(parameters: Parameters, context: RequestContext): Promise<TokenSet | 'revoked'> {
      // HA contract 3.7: its iOS app revokes here, with any grant_type.
      if (parameters.get('action') === 'revoke') {
        await revocation.revokeBySecret(parameters.get('token'), context);
        return 'revoked';
      }
      const grant = grants.get(parameters.get('grant_type') ?? '');
      if (!grant) throw unsupported(parameters, context);
      return await issuer.issue(await grant.authorize(await readRequest(grant, parameters, context)));
    },
  };
}

/**
 * Home Assistant's error for its grants and clients without credentials: its clients treat 401 as
 * temporary.
 */
function unknownClient(): AuthError {
  return new AuthError('invalid_request', 'Invalid client id', { detail: 'unknown client' });
}

/**
 * A client may use its registered grants only (RFC 6749 section 5.2); a public one cannot act for
 * itself (section 4.4).
 */
function judgeGrant(client: Client, grant_type: string): void {
  const is_allowed = client.grant_types.includes(grant_type) && (grant_type !== 'client_credentials' || isConfidential(client));
  if (!is_allowed) throw new AuthError('unauthorized_client', 'The client may not use this grant');
}

/** Home Assistant has one error for both; standard clients learn which parameter is missing. */
function unsupported(parameters: Parameters, context: RequestContext): AuthError {
  if (parameters.get('grant_type') || sendsNoClientCredentials(parameters, context)) return new AuthError('unsupported_grant_type', '');
  return new AuthError('invalid_request', 'grant_type is missing');
}
