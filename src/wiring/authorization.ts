// Wires the standard authorization endpoint and pushed requests.
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import type { RowQuotas } from '../domain/row_quota.ts';
import { type AuthorizeDeps, createAuthorize } from '../oauth/authorize.ts';
import type { ClientAuthentication } from '../oauth/client_authentication.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import type { LoginMarker } from '../oauth/login_marker.ts';
import { createPar } from '../oauth/par.ts';
import type { Repositories } from './repositories.ts';

export interface AuthorizationWiringDeps extends Pick<AuthorizeDeps, 'keyring'> {
  config: Config;
  repositories: Repositories;
  rowQuotas: RowQuotas;
  clock: Clock;
  audit: Audit;
  public_url: string;
  clientDirectory: ClientDirectory;
  clientAuthentication: ClientAuthentication;
  loginMarker: LoginMarker;
}

export function wireAuthorization(deps: AuthorizationWiringDeps) {
  const { config, repositories } = deps;
  const { authorizationCodes, consents, pushedRequests, sessions, users } = repositories;
  const { authorization_code_lifetime } = config.tokens;
  const par = createPar({ ...deps, pushedRequests, issuer: deps.public_url });
  return {
    par,
    authorize: createAuthorize({
      ...deps,
      par,
      authorizationCodes,
      pushedRequests,
      consents,
      sessions,
      users,
      authorization_code_lifetime,
    }),
  };
}
