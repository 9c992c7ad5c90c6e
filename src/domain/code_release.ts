// The rule that decides whether an authorization code, or any token sent through the browser, may be issued.
// Everything that issues one takes a CodeRelease, which only this file can make.
import type { Client } from './client.ts';
import { hasAssuredIdentity, isTrustedClient } from './client_assurance.ts';

/** What the person did for this request, in this browser. */
export type UserAction =
  /** Filled in a form of the login page, which named the app: a password, a second factor, a passkey, a user chosen from a list. */
  | 'login_form'
  /** Pressed the button of the consent or device page, which names the app and where it sends them. */
  | 'consent'
  /** Nothing: returned from another provider, was logged in by network address, or had a session. */
  | 'none';

/** An app that the browser is sent to. */
export interface AppRequest {
  receiver: 'app';
  act: UserAction;
  client: Client;
  /** Null: a device, which polls for its tokens. */
  redirect_uri: string | null;
  /** Whether an earlier consent of this person covers this request. */
  agreed_before: boolean;
}

/**
 * `json_caller`: the caller of Home Assistant's JSON login or onboarding, which is the page itself. `own_page`: a
 * page of ours that redeems the code in the same request.
 */
export interface CallerRequest {
  receiver: 'json_caller' | 'own_page';
}

declare const released: unique symbol;

/** Permission to issue one code, and why it was given. */
export interface CodeRelease {
  readonly basis: Exclude<UserAction, 'none'> | 'trusted_client' | 'earlier_consent' | 'json_caller' | 'own_page';
  readonly [released]: true;
}

/**
 * Decides whether the code may be issued; null: a page of ours must first name the app and where it sends the
 * person, and be answered.
 */
export function releaseCode(request: CallerRequest): CodeRelease;
export function releaseCode(request: AppRequest | CallerRequest): CodeRelease | null;
export function releaseCode(request: AppRequest | CallerRequest): CodeRelease | null {
  if (request.receiver !== 'app') return release(request.receiver);
  const { act, client, redirect_uri, agreed_before } = request;
  if (act !== 'none') return release(act);
  if (redirect_uri === null) return null;
  if (isTrustedClient(client, redirect_uri)) return release('trusted_client');
  return agreed_before && hasAssuredIdentity(client, redirect_uri) ? release('earlier_consent') : null;
}

function release(basis: CodeRelease['basis']): CodeRelease {
  return { basis } as CodeRelease;
}
