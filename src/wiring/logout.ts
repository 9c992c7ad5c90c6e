// Wires logout: the end of sessions, and back-channel notifications to clients.

import { createBackchannelLogout } from '../oauth/backchannel_logout.ts';
import { createEndSession } from '../oauth/end_session.ts';
import type { Base } from './base.ts';
import type { ClientServices } from './clients.ts';
import type { Closers } from './closers.ts';
import type { TokenServices } from './tokens.ts';

export type LogoutServices = ReturnType<typeof wireLogout>;

export function wireLogout(base: Base, { clientDirectory }: ClientServices, { keyring }: TokenServices, closers: Closers) {
  const { config, log, clock, audit, repositories, public_url: issuer } = base;
  const { clients, logoutDeliveries, sessionEnds } = repositories;
  const backchannelLogout = createBackchannelLogout({
    logoutDeliveries,
    clients,
    clientDirectory,
    keyring,
    audit,
    clock,
    issuer,
    allow_private_addresses: config.url_clients.allow_private_addresses,
    on_error: (err) => log.error({ err }, 'clients were not told that a session has ended'),
  });
  closers.add(() => backchannelLogout.close());
  return {
    backchannelLogout,
    endSession: createEndSession({
      keyring,
      clientDirectory,
      sessionEnds,
      backchannelLogout,
      clock,
      audit,
      issuer,
    }),
  };
}
