// Wires logout: the end of sessions, and notifications to clients.
import type { Config } from '../config/load.ts';
import type { Audit } from '../domain/audit_event.ts';
import type { Clock } from '../domain/clock.ts';
import { createBackchannelLogout } from '../oauth/backchannel_logout.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import { createEndSession } from '../oauth/end_session.ts';
import type { Keyring } from '../tokens/keyring.ts';
import type { Repositories } from './repositories.ts';

export interface LogoutWiringDeps {
  config: Config;
  log: { error(fields: object, text: string): void };
  clock: Clock;
  audit: Audit;
  public_url: string;
  repositories: Pick<Repositories, 'clients' | 'logoutDeliveries' | 'sessionEnds'>;
  keyring: Keyring;
  clientDirectory: ClientDirectory;
}

export function wireLogout(deps: LogoutWiringDeps, closers: { add(closer: () => unknown): void }) {
  const { config, log, repositories, public_url: issuer } = deps;
  const { clients, logoutDeliveries, sessionEnds } = repositories;
  const backchannelLogout = createBackchannelLogout({
    ...deps,
    logoutDeliveries,
    clients,
    issuer,
    allow_private_addresses: config.url_clients.allow_private_addresses,
    on_error: (err) => log.error({ err }, 'clients were not told that a session has ended'),
  });
  closers.add(() => backchannelLogout.close());
  return {
    backchannelLogout,
    endSession: createEndSession({ ...deps, sessionEnds, backchannelLogout, issuer }),
  };
}
