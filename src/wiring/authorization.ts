// Wires the authorization endpoint and pushed requests (RFC 9126).

import { createAuthorize } from '../oauth/authorize.ts';
import { createPar } from '../oauth/par.ts';
import type { Base } from './base.ts';
import type { ClientServices } from './clients.ts';
import type { DeviceServices } from './device_flow.ts';
import type { TokenServices } from './tokens.ts';

export function wireAuthorization(
  base: Base,
  { clientDirectory }: ClientServices,
  { keyring, idTokens, lifetimes }: TokenServices,
  { loginMarker }: DeviceServices,
) {
  const { config, repositories, clock, audit, public_url, rowQuotas } = base;
  const { authorizationCodes, consents, pushedRequests, sessions, users } = repositories;
  const { authorization_code_lifetime } = config.tokens;
  const par = createPar({
    clientDirectory,
    pushedRequests,
    rowQuotas,
    clock,
    issuer: public_url,
  });
  return {
    par,
    authorize: createAuthorize({
      clientDirectory,
      par,
      pushedRequests,
      consents,
      users,
      authorizationCodes,
      sessions,
      loginMarker,
      keyring,
      idTokens,
      lifetimes,
      clock,
      audit,
      authorization_code_lifetime,
      public_url,
    }),
  };
}
