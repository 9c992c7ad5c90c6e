// Decides which interaction a standard client's request needs before it is answered, from the
// request and a few facts (OpenID Connect Core section 3.1.2.3). Used by oauth/authorize.ts.

import { AUTHENTICATION_CLASSES, authenticationClass } from './authentication_class.ts';
import { type CodeRelease, releaseCode } from './code_release.ts';
import { AuthError } from './errors.ts';
import type { StandardRequest } from './standard_request.ts';

/** The facts about a logged-in browser that the decision needs. */
export interface InteractionInput {
  now: Date;
  session: { user_id: string; auth_time: Date; amr: readonly string[] } | null;
  /** The person logged in for this request. */
  just_logged_in: boolean;
  /**
   * The person has agreed to this request on a page that showed the app, its scopes and the
   * account.
   */
  agreed: boolean;
  /** What the person agreed to earlier. */
  consent: { scope: readonly string[]; redirect_uris: readonly string[]; resources: readonly string[] } | undefined;
  /** The user named by `id_token_hint`; null: none. */
  hinted_user_id: string | null;
  /** Whether the user may use the client at all. */
  is_allowed: boolean;
}

export type Interaction = { next: 'login' | 'select_account' | 'consent' } | { next: 'grant'; release: CodeRelease };

/** Throws the error for the client when no interaction can help, or none is allowed. */
export function nextInteraction(request: StandardRequest, facts: InteractionInput): Interaction {
  const is_silent = request.prompt.includes('none');
  if (!isReachable(request)) throw unmet();
  if (facts.session === null || needsLogin(request, facts.session, facts)) {
    if (is_silent) throw new AuthError('login_required', 'Nobody is logged in as the request demands');
    return { next: 'login' };
  }
  if (facts.hinted_user_id !== null && facts.hinted_user_id !== facts.session.user_id)
    throw new AuthError('login_required', 'Somebody else is logged in than the one the hint names');
  if (!isWantedSubject(request, facts.session)) throw new AuthError('login_required', 'Somebody else is logged in than claims names');
  if (!isOfWantedClass(request, facts.session)) {
    if (facts.just_logged_in || !is_silent) throw unmet();
    throw new AuthError('login_required', 'Nobody is logged in as claims demands');
  }
  if (!facts.is_allowed) throw new AuthError('access_denied', 'The user may not use this client');
  if (!facts.agreed && request.prompt.includes('select_account') && !facts.just_logged_in) return { next: 'select_account' };
  const release = releaseOf(request, facts);
  if (release !== null) return { next: 'grant', release };
  if (is_silent) throw new AuthError('consent_required', 'The user has not agreed to this client yet');
  return { next: 'consent' };
}

type Session = NonNullable<InteractionInput['session']>;

/** OpenID Connect Core section 5.5.1: a requirement, not a preference. */
function isWantedSubject({ conditions: { subjects } }: StandardRequest, { user_id }: Session): boolean {
  return subjects === null || subjects.includes(user_id);
}

/** Section 5.5.1.1: the result must be exactly one of the classes. */
function isOfWantedClass({ conditions: { essential_acr } }: StandardRequest, { amr }: Session): boolean {
  return essential_acr === null || essential_acr.includes(authenticationClass(amr));
}

function isReachable({ conditions: { essential_acr } }: StandardRequest): boolean {
  return essential_acr === null || essential_acr.some((acr) => AUTHENTICATION_CLASSES.includes(acr));
}

function unmet(): AuthError {
  return new AuthError('unmet_authentication_requirements', 'No login of this user is of the class that claims demands');
}

function needsLogin(request: StandardRequest, session: Session, facts: InteractionInput): boolean {
  const { prompt, max_age, conditions } = request;
  // One new login satisfies every requirement for one; a user without the factor cannot be asked
  // forever.
  if (facts.just_logged_in) return false;
  // Nobody can sign up, so `create` (OpenID Connect Prompt Create 1.0) leads to the login.
  if (prompt.includes('login') || prompt.includes('create')) return true;
  if (facts.hinted_user_id !== null && facts.hinted_user_id !== session.user_id) return !prompt.includes('none');
  if (!isWantedSubject(request, session) || !isOfWantedClass(request, session)) return !prompt.includes('none');
  const acr_values = [...request.acr_values, ...conditions.voluntary_acr];
  if (max_age !== null && (facts.now.getTime() - session.auth_time.getTime()) / 1000 > max_age) return true;
  return acr_values.length > 0 && acr_values.every((acr) => acr === '2') && !session.amr.includes('mfa');
}

function releaseOf(request: StandardRequest, { agreed, consent }: InteractionInput): CodeRelease | null {
  const { client, redirect_uri, prompt } = request;
  if (!agreed && prompt.includes('consent')) return null;
  const agreed_before = consent !== undefined && covers(consent, request);
  return releaseCode({ receiver: 'app', act: agreed ? 'consent' : 'none', client, redirect_uri, agreed_before });
}

/** Whether a consent covers the request: same or fewer scopes, resources and redirect URIs. */
function covers(
  consent: NonNullable<InteractionInput['consent']>,
  { asked_scope, asked_resource, redirect_uri }: StandardRequest,
): boolean {
  if (!consent.redirect_uris.includes(redirect_uri)) return false;
  return asked_scope.every((name) => consent.scope.includes(name)) && asked_resource.every((uri) => consent.resources.includes(uri));
}
