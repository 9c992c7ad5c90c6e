// The tables that several parts share. Called by parts.ts.

import type { Database } from '../postgres/database.ts';
import { createAuthorizationCodes } from '../repository/authorization_codes.ts';
import { createConsents as createConsentRows } from '../repository/consents.ts';
import { createCredentials as createCredentialRows } from '../repository/credentials.ts';
import { createFinishLogin } from '../repository/finish_login.ts';
import { createGroups as createGroupRows } from '../repository/groups.ts';
import { createLinkTickets as createLinkTicketRows } from '../repository/link_tickets.ts';
import { createLocalLogins as createLocalLoginRows } from '../repository/local_logins.ts';
import { createLoginFlows } from '../repository/login_flows.ts';
import { createRefreshTokens as createRefreshTokenRows } from '../repository/refresh_tokens.ts';
import { createSessionEnds } from '../repository/session_ends.ts';
import { createSessions as createSessionRows } from '../repository/sessions.ts';
import { createUsernames } from '../repository/usernames.ts';
import { createUsers as createUserRows } from '../repository/users.ts';

export type Rows = ReturnType<typeof createRows>;

export function createRows(database: Database) {
  return {
    users: createUserRows(database),
    usernames: createUsernames(),
    groups: createGroupRows(database),
    consents: createConsentRows(database),
    credentials: createCredentialRows(database),
    localLogins: createLocalLoginRows(database),
    refreshTokens: createRefreshTokenRows(database),
    authorizationCodes: createAuthorizationCodes(database),
    loginFlows: createLoginFlows(database),
    linkTickets: createLinkTicketRows(database),
    finishLogin: createFinishLogin(database),
    sessions: createSessionRows(database),
    sessionEnds: createSessionEnds(database),
  };
}
