// Wires device authorization (RFC 8628): the endpoint and approvals.
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import type { RowQuotas } from '../domain/row_quota.ts';
import type { ClientAuthentication } from '../oauth/client_authentication.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import { createDeviceApproval } from '../oauth/device_approval.ts';
import { createDeviceAuthorization } from '../oauth/device_authorization.ts';
import { createLoginMarker } from '../oauth/login_marker.ts';
import { createUserCodeGuesses } from '../oauth/user_code_guesses.ts';
import type { Sealer } from '../secrets/sealer.ts';
import type { Repositories } from './repositories.ts';

export interface DeviceFlowWiringDeps {
  repositories: Pick<Repositories, 'deviceCodes' | 'failedLogins'>;
  rowQuotas: RowQuotas;
  clock: Clock;
  audit: Audit;
  sealer: Sealer;
  public_url: string;
  clientAuthentication: ClientAuthentication;
  clientDirectory: ClientDirectory;
}

export function wireDeviceFlow(deps: DeviceFlowWiringDeps) {
  const { deviceCodes, failedLogins } = deps.repositories;
  const loginMarker = createLoginMarker(deps);
  const guesses = createUserCodeGuesses({ ...deps, failedLogins });
  return {
    loginMarker,
    deviceAuthorization: createDeviceAuthorization({ ...deps, deviceCodes }),
    deviceApproval: createDeviceApproval({ ...deps, deviceCodes, guesses, loginMarker }),
  };
}
