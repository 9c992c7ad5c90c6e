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
import type { Database } from '../postgres/database.ts';
import type { DeviceCodeRepository } from '../repository/device_codes.ts';
import { createFailedLoginRepository } from '../repository/failed_logins.ts';
import type { Sealer } from '../secrets/sealer.ts';

export interface DevicePartsDeps {
  database: Database;
  rowQuotas: RowQuotas;
  clock: Clock;
  audit: Audit;
  sealer: Sealer;
  public_url: string;
  clientAuthentication: ClientAuthentication;
  clientDirectory: ClientDirectory;
  deviceCodes: DeviceCodeRepository;
}

export function createDeviceParts(deps: DevicePartsDeps) {
  const loginMarker = createLoginMarker(deps);
  const guesses = createUserCodeGuesses({ ...deps, failedLogins: createFailedLoginRepository(deps.database) });
  return {
    loginMarker,
    deviceAuthorization: createDeviceAuthorization(deps),
    deviceApproval: createDeviceApproval({ ...deps, guesses, loginMarker }),
  };
}
