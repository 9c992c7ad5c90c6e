// Wires logout: the end of sessions, and notifications to clients.
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import { createBackchannelLogout } from '../oauth/backchannel_logout.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import { createEndSession } from '../oauth/end_session.ts';
import type { Database } from '../postgres/database.ts';
import { createClientRepository } from '../repository/clients.ts';
import { createLogoutDeliveryRepository } from '../repository/logout_deliveries.ts';
import type { SessionEndRepository } from '../repository/session_ends.ts';
import type { Keyring } from '../tokens/keyring.ts';

export interface LogoutPartsDeps {
  config: Config;
  log: { error(fields: object, text: string): void };
  database: Database;
  clock: Clock;
  audit: Audit;
  public_url: string;
  sessionEnds: SessionEndRepository;
  keyring: Keyring;
  clientDirectory: ClientDirectory;
}

export function createLogoutParts(deps: LogoutPartsDeps, closers: { add(closer: () => unknown): void }) {
  const { config, log, database, public_url: issuer } = deps;
  const backchannelLogout = createBackchannelLogout({
    ...deps,
    logoutDeliveries: createLogoutDeliveryRepository(database),
    clients: createClientRepository(database),
    issuer,
    allow_private_addresses: config.url_clients.allow_private_addresses,
    on_error: (err) => log.error({ err }, 'clients were not told that a session has ended'),
  });
  closers.add(() => backchannelLogout.close());
  return {
    backchannelLogout,
    endSession: createEndSession({ ...deps, backchannelLogout, issuer }),
  };
}
