// The client credentials grant (RFC 6749 section 4.4). The token concerns no person, has no refresh
// token, and depends on the client only.
import { isConfidential } from '../domain/client.ts';
import { AuthError } from '../domain/errors.ts';
import { BUILT_IN_SCOPES } from '../domain/scope.ts';
import { type GrantType, lifetimesFor } from '../tokens/grant.ts';
import { permittedResource, permittedScope } from '../tokens/requested.ts';

export const grant: GrantType = {
  grant_type: 'client_credentials',
  create: ({ lifetimes, public_url }) => ({
    async authorize({ parameters, client, dpop_jkt }) {
      if (!client || !isConfidential(client)) throw new AuthError('unauthorized_client', 'The client may not use this grant');
      const { client_id } = client;
      // The server's own scopes all concern a person.
      const own = client.scope.filter((name) => !BUILT_IN_SCOPES.includes(name));
      return {
        user_id: null,
        refresh_token_id: null,
        profile: 'standard',
        client_id,
        client,
        access_token_expiration: lifetimesFor(client, lifetimes).access_token,
        auth_time: null,
        amr: [],
        scope: permittedScope(parameters, own),
        resource: permittedResource(parameters, client, public_url),
        sid: null,
        nonce: null,
        claims: null,
        dpop_jkt,
        refresh_token: null,
        ha_auth_provider: null,
      };
    },
  }),
};
