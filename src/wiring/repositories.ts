// Builds every repository, each once; a test checks that no other file does.

import type { Database } from '../postgres/database.ts';
import { createAuthorizationCodeRepository } from '../repository/authorization_codes.ts';
import { createClientSecretRepository } from '../repository/client_secrets.ts';
import { createClientRepository } from '../repository/clients.ts';
import { createConsentRepository } from '../repository/consents.ts';
import { createCredentialRepository } from '../repository/credentials.ts';
import { createDeviceCodeRepository } from '../repository/device_codes.ts';
import { createDeviceCookies } from '../repository/device_cookies.ts';
import { createFailedLoginRepository } from '../repository/failed_logins.ts';
import { createFinishedLoginRepository } from '../repository/finish_login.ts';
import { createGroupRepository } from '../repository/groups.ts';
import { createHostSessionRepository } from '../repository/host_sessions.ts';
import { createIpBanRepository } from '../repository/ip_bans.ts';
import { createLinkTicketRepository } from '../repository/link_tickets.ts';
import { createLocalLoginRepository } from '../repository/local_logins.ts';
import { createLoginFlowRepository } from '../repository/login_flows.ts';
import { createLogoutDeliveryRepository } from '../repository/logout_deliveries.ts';
import { createMfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';
import { createMfaFailureRepository } from '../repository/mfa_failures.ts';
import { createMfaSetupFlowRepository } from '../repository/mfa_setup_flows.ts';
import { createPushedRequestRepository } from '../repository/pushed_authorization_requests.ts';
import { createRefreshTokenRotationRepository } from '../repository/refresh_token_rotation.ts';
import { createRefreshTokenRepository } from '../repository/refresh_tokens.ts';
import { createRevokedAccessTokenRepository } from '../repository/revoked_access_tokens.ts';
import { createSessionEndRepository } from '../repository/session_ends.ts';
import { createSessionRepository } from '../repository/sessions.ts';
import { createSigningKeyRepository } from '../repository/signing_keys.ts';
import { createTokenExchangeRepository } from '../repository/token_exchange.ts';
import { createUrlClientRepository } from '../repository/url_clients.ts';
import { createUsedProofRepository } from '../repository/used_proofs.ts';
import { createUserFactsRepository } from '../repository/user_facts.ts';
import { createUsernames } from '../repository/usernames.ts';
import { createUserRepository } from '../repository/users.ts';
import type { Sealer } from '../secrets/sealer.ts';

export type Repositories = ReturnType<typeof createRepositories>;

/** `sealer` seals second factors to their rows. */
export function createRepositories(database: Database, sealer: Sealer) {
  return {
    authorizationCodes: createAuthorizationCodeRepository(database),
    clientSecrets: createClientSecretRepository(database),
    clients: createClientRepository(database),
    consents: createConsentRepository(database),
    credentials: createCredentialRepository(database),
    deviceCodes: createDeviceCodeRepository(database),
    deviceCookies: createDeviceCookies(database),
    failedLogins: createFailedLoginRepository(database),
    finishLogin: createFinishedLoginRepository(database),
    groups: createGroupRepository(database),
    hostSessions: createHostSessionRepository(database),
    ipBans: createIpBanRepository(database),
    linkTickets: createLinkTicketRepository(database),
    localLogins: createLocalLoginRepository(database),
    loginFlows: createLoginFlowRepository(database),
    logoutDeliveries: createLogoutDeliveryRepository(database),
    mfaEnrolments: createMfaEnrolmentRepository(database, sealer),
    mfaFailures: createMfaFailureRepository(database),
    mfaSetupFlows: createMfaSetupFlowRepository(database, sealer),
    pushedRequests: createPushedRequestRepository(database),
    refreshTokens: createRefreshTokenRepository(database),
    revokedAccessTokens: createRevokedAccessTokenRepository(database),
    rotation: createRefreshTokenRotationRepository(database),
    sessionEnds: createSessionEndRepository(database),
    sessions: createSessionRepository(database),
    signingKeys: createSigningKeyRepository(database),
    tokenExchanges: createTokenExchangeRepository(database),
    urlClients: createUrlClientRepository(database),
    usedProofs: createUsedProofRepository(database),
    userFacts: createUserFactsRepository(database),
    usernames: createUsernames(),
    users: createUserRepository(database),
  };
}
