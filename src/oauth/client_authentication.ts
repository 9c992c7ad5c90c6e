// How a client proves that it is the one (RFC 6749 section 2.3): Basic, secret in the body, a signed assertion (RFC 7523), or not at all.
import type { Profile } from '../domain/authorization_request.ts';
import type { Client } from '../domain/client.ts';

export interface ClientAuthenticationRequest {
  /** The header as it came. */
  authorization: string | undefined;
  parameters: ReadonlyMap<string, string>;
  remote_address: string;
  /** Where the caller knows it from the code or the token: a URL client of Home Assistant's dialect is nobody's but its own name, and nothing is fetched. */
  profile?: Profile | undefined;
}

export interface ClientAuthentication {
  /** The client, proven; a public one by its name alone. Throws `invalid_client`, and `invalid_request` for two proofs at once. */
  authenticate(request: ClientAuthenticationRequest): Promise<Client>;
}
