// Builds every repository, each once; a test checks that no other file does.

import type { Database } from '../postgres/database.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { createAuthorizationCodeRepository } from './authorization_codes.ts';
import { createClientApprovalRepository } from './client_approvals.ts';
import { createClientSecretRepository } from './client_secrets.ts';
import { createClientRepository } from './clients.ts';
import { createConsentRepository } from './consents.ts';
import { createCredentialRepository } from './credentials.ts';
import { createDeviceCodeRepository } from './device_codes.ts';
import { createDeviceCookies } from './device_cookies.ts';
import { createFailedLoginRepository } from './failed_logins.ts';
import { createFinishedLoginRepository } from './finish_login.ts';
import { createGroupRepository } from './groups.ts';
import { createHostSessionRepository } from './host_sessions.ts';
import { createImportRepository } from './imports.ts';
import { createIpBanRepository } from './ip_bans.ts';
import { createLinkTicketRepository } from './link_tickets.ts';
import { createLocalLoginRepository } from './local_logins.ts';
import { createLoginFlowRepository } from './login_flows.ts';
import { createLoginPersonRepository } from './login_person.ts';
import { createLogoutDeliveryRepository } from './logout_deliveries.ts';
import { createMfaEnrolmentRepository } from './mfa_enrolments.ts';
import { createMfaFailureRepository } from './mfa_failures.ts';
import { createMfaSetupFlowRepository } from './mfa_setup_flows.ts';
import { createPushedRequestRepository } from './pushed_authorization_requests.ts';
import { createRefreshTokenRotationRepository } from './refresh_token_rotation.ts';
import { createRefreshTokenRepository } from './refresh_tokens.ts';
import { createRevokedAccessTokenRepository } from './revoked_access_tokens.ts';
import { createSessionEndRepository } from './session_ends.ts';
import { createSessionRepository } from './sessions.ts';
import { createSigningKeyRepository } from './signing_keys.ts';
import { createTokenExchangeRepository } from './token_exchange.ts';
import { createUrlClientRepository } from './url_clients.ts';
import { createUsedProofRepository } from './used_proofs.ts';
import { createUserFactsRepository } from './user_facts.ts';
import { createUsernames } from './usernames.ts';
import { createUserRepository } from './users.ts';

export type Repositories = ReturnType<typeof createRepositories>;

/** `sealer` seals second factors to their rows. */
export function createRepositories(database: Database, sealer: Sealer) {
  return {
    authorizationCodes: createAuthorizationCodeRepository(database),
    clientApprovals: createClientApprovalRepository(database),
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
    imports: createImportRepository(database),
    ipBans: createIpBanRepository(database),
    linkTickets: createLinkTicketRepository(database),
    localLogins: createLocalLoginRepository(database),
    loginPerson: createLoginPersonRepository(database, sealer),
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
