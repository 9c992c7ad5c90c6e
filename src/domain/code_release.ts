// Decides whether an authorization code, or any token sent through the browser, may be issued.
// Issuing one takes a CodeRelease, which only this file can create.
import type { Client } from './client.ts';
import { hasAssuredIdentity, isTrustedClient } from './client_assurance.ts';

/** What the person did for this request in this browser. */
export type UserAction =
  /**
   * Submitted a form of the login page, which names the app: password, second factor, passkey or
   * choice of a user.
   */
  | 'login_form'
  /**
   * Pressed the button of the consent or device page, which names the app and its redirect host.
   */
  | 'consent'
  /** Nothing: came from another provider, a trusted network or an existing session. */
  | 'none';

/** A request of an app that the browser is redirected to. */
export interface AppRequest {
  receiver: 'app';
  act: UserAction;
  client: Client;
  /** Null: a device, which polls for its tokens. */
  redirect_uri: string | null;
  /** Whether an earlier consent covers this request. */
  agreed_before: boolean;
}

/**
 * `json_caller`: the caller of Home Assistant's JSON login or onboarding. `own_page`: one of our
 * pages, which redeems the code in the same request.
 */
export interface CallerRequest {
  receiver: 'json_caller' | 'own_page';
}

declare const released: unique symbol;

/** Permission to issue one code, and the reason. */
export interface CodeRelease {
  readonly basis: Exclude<UserAction, 'none'> | 'trusted_client' | 'earlier_consent' | 'json_caller' | 'own_page';
  readonly [released]: true;
}

/**
 * Decides whether the code may be issued; null: the person must first confirm on a page that names
 * the app and its redirect host.
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
