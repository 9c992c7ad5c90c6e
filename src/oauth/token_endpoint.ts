// POST /auth/token below HTTP (RFC 6749 section 3.2): which grant is asked for, by which client, and what it earns. The phases that every
// grant shares are here, so that none can forget one. Repeated fields were refused when the body was read.
import { type Client, isConfidential } from '../domain/client.ts';
import { isUrlClientId } from '../domain/client_id.ts';
import { AuthError } from '../domain/errors.ts';
import { type Parameters, withoutEmpty } from '../domain/parameters.ts';
import type { TokenSet } from '../domain/token.ts';
import type { Dpop } from '../tokens/dpop.ts';
import type { Grant, GrantRequest, RequestContext } from '../tokens/grant.ts';
import type { Issuer } from '../tokens/issuer.ts';
import type { ClientAuthentication } from './client_authentication.ts';
import { namesNobody } from './dialect.ts';
import type { Revocation } from './revocation.ts';

export interface TokenEndpointDeps {
  /** By grant_type. */
  grants: ReadonlyMap<string, Grant>;
  issuer: Issuer;
  revocation: Pick<Revocation, 'revokeBySecret'>;
  clientAuthentication: ClientAuthentication;
  dpop: Dpop;
}

const PATH = '/auth/token';

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>;

export function createTokenEndpoint({ grants, issuer, revocation, clientAuthentication, dpop }: TokenEndpointDeps) {
  /** Who asks, and with which key. Home Assistant's clients prove neither, whatever else they send. */
  // Here and in the grants copies come last: adding to a copy takes V8 microseconds.
  async function readRequest(grant: Grant, form: Parameters, context: RequestContext): Promise<GrantRequest> {
    const profile = namesNobody(form, context) ? (grant.profileOf?.(form) ?? 'standard') : 'standard';
    if (profile === 'home_assistant') {
      return { parameters: form, client_id: homeAssistantClientId(form), client: null, dpop_jkt: null, ...context };
    }
    const parameters = withoutEmpty(form);
    const { authorization, remote_address } = context;
    const client = await clientAuthentication.authenticate({ authorization, parameters, remote_address, endpoint: PATH });
    judgeGrant(client, parameters.get('grant_type') ?? '');
    const dpop_jkt = await dpop.prove({ proofs: context.dpop ?? [], method: 'POST', path: PATH, profile: client.profile });
    // RFC 9449 section 5.2
    if (dpop_jkt === null && client.dpop_bound_access_tokens)
      throw new AuthError('invalid_dpop_proof', 'The client must send a DPoP proof');
    return { parameters, client_id: client.client_id, client, dpop_jkt, ...context };
  }

  return {
    /** Tokens, or 'revoked' for the empty answer; throws the refusal. An error without a description has none on the wire. */
    async answer(parameters: Parameters, context: RequestContext): Promise<TokenSet | 'revoked'> {
      // HA contract 3.7: its iOS app revokes here, whatever grant_type says.
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

function homeAssistantClientId(parameters: Parameters): string | null {
  const client_id = parameters.get('client_id');
  if (client_id === undefined) return null;
  if (!isUrlClientId(client_id)) throw new AuthError('invalid_request', 'Invalid client id');
  return client_id;
}

/** A client is given what it was registered for (RFC 6749 section 5.2); a public one cannot speak for itself (section 4.4). */
function judgeGrant(client: Client, grant_type: string): void {
  const is_allowed = client.grant_types.includes(grant_type) && (grant_type !== 'client_credentials' || isConfidential(client));
  if (!is_allowed) throw new AuthError('unauthorized_client', 'The client may not use this grant');
}

/** Home Assistant has one word for both; a client of the standard profile is told what is missing. */
function unsupported(parameters: Parameters, context: RequestContext): AuthError {
  if (parameters.get('grant_type') || namesNobody(parameters, context)) return new AuthError('unsupported_grant_type', '');
  return new AuthError('invalid_request', 'grant_type is missing');
}
