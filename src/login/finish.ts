// Completes a login: checks the redirect URI and the user, then exchanges the flow for an
// authorization code, or, if the person must first confirm on a page that names the app, for a
// session only. Nothing is written before every check has passed; a refusal ends the flow.
import type { Audit, AuditEvent } from '../domain/audit_event.ts';
import { type AuthProvider, type Identity, type ProviderKey, providerKeyText } from '../domain/auth_provider.ts';
import type { Clock } from '../domain/clock.ts';
import { type CodeRelease, releaseCode, type UserAction } from '../domain/code_release.ts';
import { AuthError } from '../domain/errors.ts';
import { blockReason, loginBlocked } from '../domain/login_block.ts';
import type { FlowStep, LoginFlow } from '../domain/login_flow.ts';
import { isOwnLogin } from '../domain/own_login.ts';
import type { ClientDirectory } from '../oauth/client_directory.ts';
import type { AuthorizationCodeRepository, NewAuthorizationCode } from '../repository/authorization_codes.ts';
import type { FinishedLoginRepository } from '../repository/finish_login.ts';
import type { LoginFlowRepository } from '../repository/login_flows.ts';
import type { LoginPerson } from '../repository/login_person.ts';
import { createCodes, type FinishedLogin } from '../tokens/authorization_code.ts';
import { entryStep, sessionStep } from './flow_step.ts';
import { unknownFlow } from './flow_store.ts';
import type { LinkedUser, ResolveUser } from './resolve_user.ts';

/** A finished flow and the request that finished it. */
interface Ending {
  flow: LoginFlow;
  /** Whether the flow is stored. */
  stored: boolean;
  provider: AuthProvider;
  identity: Identity;
  /** As read in this request; null before a first login. */
  person: LoginPerson | null;
  /** The person's action in this request. */
  act: UserAction;
  /** A second factor is required and was not proven. */
  mfa_missing: boolean;
  /**
   * Of this request, which is checked instead of the one that started the flow (HA contract 3.6a).
   */
  client_id: string;
  remote_address: string;
  error_ref: string | null;
}

/** Who logged in and how; the content of a session. */
export interface LoggedIn extends ProviderKey {
  user_id: string;
  credential_id: string;
  auth_time: Date;
  amr: string[];
  redirect_uri: string;
}

/** When and how the login was proven. */
type How = Pick<LoggedIn, 'auth_time' | 'amr'>;

export interface FinishDeps {
  resolveUser: Pick<ResolveUser, 'complete'>;
  clientPages: { acceptsRedirectUri(client_id: string, redirect_uri: string, remote_address: string): Promise<boolean> };
  clientDirectory: Pick<ClientDirectory, 'admissionOfUrl' | 'urlClient' | 'whyWithoutDocument'>;
  loginFlows: Pick<LoginFlowRepository, 'take'>;
  finishLogin: FinishedLoginRepository;
  authorizationCodes: Pick<AuthorizationCodeRepository, 'store'>;
  clock: Clock;
  audit: Audit;
  /** Lifetime of the code in seconds. */
  authorization_code_lifetime: number;
  public_url: string;
}

export type FinishLogin = (ending: Ending) => Promise<{ step: FlowStep; login?: LoggedIn }>;

export function createFinish(deps: FinishDeps): FinishLogin {
  const { resolveUser, clientPages, clientDirectory, loginFlows, finishLogin, authorizationCodes, clock, audit } = deps;

  function note(ending: Ending, event: Pick<AuditEvent, 'type' | 'outcome' | 'target_user_id' | 'detail'>): void {
    const { client_id, remote_address, error_ref } = ending;
    const detail = { auth_provider: providerKeyText(ending.provider), ...event.detail };
    audit.record({ ...event, client_id, remote_address, error_ref, detail });
  }

  async function judgeRedirectUri({ flow, client_id, remote_address }: Ending): Promise<void> {
    if (await clientPages.acceptsRedirectUri(client_id, flow.redirect_uri, remote_address)) return;
    const why = clientDirectory.whyWithoutDocument(clientDirectory.urlClient(client_id));
    throw new AuthError('invalid_redirect_uri', { detail: why ?? 'it is not an address of the client' });
  }

  /**
   * Whether people may log in to the app; checked only for users who may log in, so that others
   * cannot add it to the owner's approval list.
   */
  async function judgeClient({ client_id, remote_address }: Ending): Promise<void> {
    const admission = await clientDirectory.admissionOfUrl(client_id, remote_address);
    if (admission !== 'admitted') throw loginBlocked(admission === 'pending' ? 'app_pending' : 'app_refused', client_id);
  }

  /** The user of the code. */
  async function subjectOf(ending: Ending): Promise<FinishedLogin['subject']> {
    const { flow, provider, identity, person, remote_address } = ending;
    if (person) judgeUser(ending, person.user);
    if (flow.flow_type === 'link_user') return { purpose: 'link_user', identity, credential_id: person?.credential_id ?? null };
    const { user, credential_id } = await resolveUser.complete(provider, identity, person, remote_address);
    judgeUser(ending, user);
    await judgeClient(ending);
    return { purpose: 'authorize', user_id: user.id, credential_id };
  }

  /** Permission to issue a code; null: the login gives a session only. */
  function releaseOf({ flow, client_id, act }: Ending): CodeRelease | null {
    if (flow.browser_hash === null) return releaseCode({ receiver: 'json_caller' });
    if (flow.flow_type === 'link_user') return releaseCode({ receiver: 'own_page' });
    const { redirect_uri } = flow;
    if (isOwnLogin({ client_id, redirect_uri }, deps.public_url)) return null;
    const client = clientDirectory.urlClient(client_id);
    return releaseCode({ receiver: 'app', act, client, redirect_uri, agreed_before: false });
  }

  /** Creates the code and deletes the flow atomically, so one of two parallel answers succeeds. */
  async function trade(ending: Ending, subject: FinishedLogin['subject'], how: How, release: CodeRelease): Promise<string> {
    const { flow, stored, client_id, remote_address } = ending;
    const { auth_provider_type, auth_provider_id, redirect_uri, code_challenge } = flow;
    const store = stored ? (code: NewAuthorizationCode) => exchange(flow, code) : authorizationCodes.store;
    const codes = createCodes({ authorizationCodes: { store }, clock, lifetime: deps.authorization_code_lifetime });
    const where = { client_id, redirect_uri, code_challenge, remote_address };
    return await codes.issue({ auth_provider_type, auth_provider_id, ...where, ...how, subject }, release);
  }

  async function exchange(flow: LoginFlow, code: NewAuthorizationCode): Promise<void> {
    if (!(await finishLogin.issueForFlow(flow, code))) throw unknownFlow();
  }

  /** The final step; without permission for a code the flow just ends. */
  async function end(ending: Ending, subject: FinishedLogin['subject'], how: How): Promise<FlowStep> {
    const release = releaseOf(ending);
    if (release !== null) return entryStep(ending.flow, await trade(ending, subject, how, release));
    if (ending.stored && !(await loginFlows.take(ending.flow))) throw unknownFlow();
    return sessionStep(ending.flow);
  }

  async function succeed(ending: Ending) {
    await judgeRedirectUri(ending);
    const subject = await subjectOf(ending);
    const how = { auth_time: clock(), amr: ending.identity.amr };
    const step = await end(ending, subject, how);
    if (subject.purpose === 'link_user') return { step };
    const { user_id, credential_id } = subject;
    note(ending, { type: 'login.succeeded', outcome: 'done', target_user_id: user_id, detail: { amr: how.amr } });
    const { auth_provider_type, auth_provider_id, redirect_uri } = ending.flow;
    return { step, login: { user_id, credential_id, auth_provider_type, auth_provider_id, redirect_uri, ...how } };
  }

  return async (ending) => {
    try {
      return await succeed(ending);
    } catch (error) {
      if (error instanceof AuthError && (error.code === 'invalid_redirect_uri' || error.code === 'login_blocked')) {
        if (ending.stored) await loginFlows.take(ending.flow);
        const { subject } = ending.identity;
        const detail = { subject, reason: error.description, detail: error.detail ?? null };
        note(ending, { type: 'login.blocked', outcome: 'refused', detail });
      }
      throw error;
    }
  };
}

function judgeUser({ flow, remote_address, mfa_missing }: Ending, user: LinkedUser['user']): void {
  const reason = blockReason(user, remote_address);
  if (reason !== null) throw loginBlocked(reason, `user ${user.id}`);
  if (mfa_missing && flow.flow_type !== 'link_user') throw loginBlocked('second_factor_missing');
}
