// Wires device authorization (RFC 8628): the endpoint and approvals.

import { createDeviceApproval } from '../oauth/device_approval.ts';
import { createDeviceAuthorization } from '../oauth/device_authorization.ts';
import { createLoginMarker } from '../oauth/login_marker.ts';
import { createUserCodeGuesses } from '../oauth/user_code_guesses.ts';
import type { Base } from './base.ts';
import type { ClientServices } from './clients.ts';

export type DeviceServices = ReturnType<typeof wireDeviceFlow>;

export function wireDeviceFlow(base: Base, { clientDirectory, clientAuthentication }: ClientServices) {
  const { clock, audit, sealer, public_url, rowQuotas } = base;
  const { deviceCodes, failedLogins } = base.repositories;
  const loginMarker = createLoginMarker({ sealer, clock });
  const guesses = createUserCodeGuesses({ failedLogins, clock });
  return {
    loginMarker,
    deviceAuthorization: createDeviceAuthorization({
      clientAuthentication,
      clientDirectory,
      deviceCodes,
      rowQuotas,
      clock,
      audit,
      public_url,
    }),
    deviceApproval: createDeviceApproval({
      deviceCodes,
      clientDirectory,
      guesses,
      loginMarker,
      clock,
      audit,
    }),
  };
}
