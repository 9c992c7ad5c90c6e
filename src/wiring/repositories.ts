// The tables that several parts share. Called by parts.ts.

import type { Database } from '../postgres/database.ts';
import { createAuthorizationCodeRepository } from '../repository/authorization_codes.ts';
import { createConsentRepository as createConsentRows } from '../repository/consents.ts';
import { createCredentialRepository as createCredentialRows } from '../repository/credentials.ts';
import { createFinishedLoginRepository } from '../repository/finish_login.ts';
import { createGroupRepository as createGroupRows } from '../repository/groups.ts';
import { createLinkTicketRepository as createLinkTicketRows } from '../repository/link_tickets.ts';
import { createLocalLoginRepository as createLocalLoginRows } from '../repository/local_logins.ts';
import { createLoginFlowRepository } from '../repository/login_flows.ts';
import { createRefreshTokenRepository as createRefreshTokenRows } from '../repository/refresh_tokens.ts';
import { createSessionEndRepository } from '../repository/session_ends.ts';
import { createSessionRepository as createSessionRows } from '../repository/sessions.ts';
import { createUsernames } from '../repository/usernames.ts';
import { createUserRepository as createUserRows } from '../repository/users.ts';

export type Repositories = ReturnType<typeof createRepositories>;

export function createRepositories(database: Database) {
  return {
    users: createUserRows(database),
    usernames: createUsernames(),
    groups: createGroupRows(database),
    consents: createConsentRows(database),
    credentials: createCredentialRows(database),
    localLogins: createLocalLoginRows(database),
    refreshTokens: createRefreshTokenRows(database),
    authorizationCodes: createAuthorizationCodeRepository(database),
    loginFlows: createLoginFlowRepository(database),
    linkTickets: createLinkTicketRows(database),
    finishLogin: createFinishedLoginRepository(database),
    sessions: createSessionRows(database),
    sessionEnds: createSessionEndRepository(database),
  };
}
