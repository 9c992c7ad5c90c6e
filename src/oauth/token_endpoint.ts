// POST /auth/token below HTTP (RFC 6749 section 3.2): which grant is asked for, by which client, and what it earns. The phases that every
// grant shares are here, so that none can forget one. Repeated fields were refused when the body was read.
import { isUrlClientId } from '../domain/client_id.ts';
import { AuthError } from '../domain/errors.ts';
import type { TokenSet } from '../domain/token.ts';
import type { Grant, RequestContext } from '../tokens/grant.ts';
import type { Issuer } from '../tokens/issuer.ts';
import type { Revocation } from './revocation.ts';

export interface TokenEndpointDeps {
  /** By grant_type. */
  grants: ReadonlyMap<string, Grant>;
  issuer: Issuer;
  revocation: Revocation;
}

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>;

export function createTokenEndpoint({ grants, issuer, revocation }: TokenEndpointDeps) {
  return {
    /** Tokens, or 'revoked' for the empty answer; throws the refusal. An error without a description has none on the wire. */
    async answer(parameters: ReadonlyMap<string, string>, context: RequestContext): Promise<TokenSet | 'revoked'> {
      // HA contract 3.7: its iOS app revokes here, whatever grant_type says.
      if (parameters.get('action') === 'revoke') {
        await revocation.revoke(parameters.get('token'), context);
        return 'revoked';
      }
      const grant = grants.get(parameters.get('grant_type') ?? '');
      if (!grant) throw new AuthError('unsupported_grant_type', '');
      const client_id = readClientId(parameters);
      return await issuer.issue(await grant.authorize({ parameters, client_id, client: null, dpop_jkt: null, ...context }));
    },
  };
}

function readClientId(parameters: ReadonlyMap<string, string>): string | null {
  const client_id = parameters.get('client_id');
  if (client_id === undefined) return null;
  if (!isUrlClientId(client_id)) throw new AuthError('invalid_request', 'Invalid client id');
  return client_id;
}
