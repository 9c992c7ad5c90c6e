// What a person must still do before a client of the standard profile gets its answer, decided from the request and a few facts alone
// (OpenID Connect Core section 3.1.2.3). Asked by oauth/authorize.ts before every answer.

import { AUTHENTICATION_CLASSES, authenticationClass } from './authentication_class.ts';
import { type CodeRelease, releaseCode } from './code_release.ts';
import { AuthError } from './errors.ts';
import type { StandardRequest } from './standard_request.ts';

/** A logged-in browser, as far as the rule must know it. */
export interface InteractionInput {
  now: Date;
  session: { user_id: string; auth_time: Date; amr: readonly string[] } | null;
  /** The login was made for this very request. */
  just_logged_in: boolean;
  /** The person has seen who asks for what, as whom, and said yes to this very request. */
  agreed: boolean;
  /** What the person agreed to before. */
  consent: { scope: readonly string[]; redirect_uris: readonly string[]; resources: readonly string[] } | undefined;
  /** Whom `id_token_hint` names; null: nobody. */
  hinted_user_id: string | null;
  /** Whether the user may use the client at all. */
  is_allowed: boolean;
}

export type Interaction = { next: 'login' | 'select_account' | 'consent' } | { next: 'grant'; release: CodeRelease };

/** Throws what the client is told where nothing a person could do helps, or nobody may be asked. */
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

/** OpenID Connect Core section 5.5.1: a condition, not a wish. */
function isWantedSubject({ conditions: { subjects } }: StandardRequest, { user_id }: Session): boolean {
  return subjects === null || subjects.includes(user_id);
}

/** Section 5.5.1.1: the answer must be of one of the classes, exactly. */
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
  // One login answers every demand for one: a factor that the user has not got cannot be asked for for ever.
  if (facts.just_logged_in) return false;
  if (prompt.includes('login')) return true;
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

/** A client that asks for more, or for use elsewhere, or sends people elsewhere, is asked about again. */
function covers(
  consent: NonNullable<InteractionInput['consent']>,
  { asked_scope, asked_resource, redirect_uri }: StandardRequest,
): boolean {
  if (!consent.redirect_uris.includes(redirect_uri)) return false;
  return asked_scope.every((name) => consent.scope.includes(name)) && asked_resource.every((uri) => consent.resources.includes(uri));
}
