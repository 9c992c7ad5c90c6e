// Renders the result of a login step: a form, an external redirect, or the end. Shared by
// authorize.ts and callback.ts.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AuthProvider, providerKeyText } from '../../../domain/auth_provider.ts';
import type { AuthorizationRequest } from '../../../domain/authorization_request.ts';
import type { Client } from '../../../domain/client.ts';
import { isTrustedClient } from '../../../domain/client_assurance.ts';
import type { FlowStep } from '../../../domain/login_flow.ts';
import { appendCode } from '../../../domain/redirect_uri.ts';
import type { KnownDevices } from '../../../login/known_devices.ts';
import type { LoginResult } from '../../../login/login.ts';
import type { Sessions } from '../../../login/session.ts';
import type { ClientDirectory } from '../../../oauth/client_directory.ts';
import type { Cookies } from '../../server/cookies.ts';
import type { Browser } from '../../server/csrf.ts';
import { fetchAsker } from '../../server/same_origin.ts';
import type { Assets } from '../assets.ts';
import { clientLabel } from '../components/client_label.ts';
import type { ClientLabel } from '../components/client_label_view.tsx';
import { languageOf, sendPage, sendStep } from '../html_reply.ts';
import { ownLoginReason, ownLoginTarget } from './login.ts';
import { loginPage } from './login_page.tsx';

/** Where a person declines an app's request before logging in. */
export const CANCEL = '/auth/authorize/cancel';
/** Query parameter: the chosen provider. */
export const PROVIDER = 'auth_provider';

const COMPANION_APPS: Readonly<Record<string, 'login.home_assistant_ios' | 'login.home_assistant_android'>> = {
  'https://home-assistant.io/iOS': 'login.home_assistant_ios',
  'https://home-assistant.io/android': 'login.home_assistant_android',
};

export interface LoginReplyDeps {
  sessions: Sessions;
  knownDevices: KnownDevices;
  cookies: Cookies;
  assets: Assets;
  clientDirectory: ClientDirectory;
  public_url: string;
}

/** The context of a login page: request, provider and browser. */
export interface LoginPageContext {
  request: FastifyRequest;
  /** Of the authorization request. */
  query: URLSearchParams;
  authorization: AuthorizationRequest;
  provider: AuthProvider;
  others: AuthProvider[];
  browser: Browser;
}

/** The submitted form. */
export interface SubmittedForm {
  /** Null for the first submission, before there is a flow. */
  flow_id: string | null;
  keep: boolean;
  input: Record<string, string>;
}

/** The form to show. */
export type ShownForm = Pick<FlowStep & { type: 'form' }, 'step_id' | 'data_schema' | 'errors' | 'description_placeholders'>;

interface App {
  client: Client;
  redirect_uri: string;
  /** The query of its authorization request. */
  asked: URLSearchParams;
}

/** Options for rendering the form. */
interface Drawn {
  /** Submits the form at once: the operator trusts this app. */
  auto_submit?: boolean;
}

export function createLoginReply({ sessions, knownDevices, cookies, assets, clientDirectory, public_url }: LoginReplyDeps) {
  const stylesheet = assets.href('style.css');

  /** The app behind our own login, and its redirect host; null if no app requested it. */
  async function appBehind({ request, authorization }: LoginPageContext): Promise<App | null> {
    const asked = new URLSearchParams(/^\/auth\/authorize\?(.*)$/.exec(ownLoginTarget(authorization, public_url) ?? '')?.[1]);
    const client_id = asked.get('client_id');
    const client = client_id === null ? null : await clientDirectory.find(client_id, fetchAsker(request));
    return client && { client, redirect_uri: asked.get('redirect_uri') ?? client.redirect_uris[0] ?? '', asked };
  }

  /** The app of the login. */
  function clientOf({ request, authorization }: LoginPageContext, behind: App | null): ClientLabel {
    const { client_id, redirect_uri } = authorization;
    const app = COMPANION_APPS[client_id];
    if (app !== undefined)
      return {
        ...clientLabel({ client_id, client_name: languageOf(request).t(app), kind: 'url' }, redirect_uri),
        redirect_host: null,
        is_self_named: false,
      };
    if (behind) return clientLabel(behind.client, behind.redirect_uri || redirect_uri);
    return clientLabel({ client_id, client_name: null, kind: 'url' }, redirect_uri);
  }

  async function showForm(
    reply: FastifyReply,
    visit: LoginPageContext,
    form: ShownForm,
    sent: SubmittedForm,
    { auto_submit = false }: Drawn = {},
  ): Promise<FastifyReply> {
    const { request, query, authorization, provider, others, browser } = visit;
    const language = languageOf(request);
    const login_hint = query.get('login_hint');
    const behind = await appBehind(visit);
    const html = loginPage({
      language,
      stylesheet,
      client: clientOf(visit, behind),
      action: hrefOf(query),
      csrf: browser.csrf_token,
      flow_id: sent.flow_id,
      provider_name: provider.name,
      step_id: form.step_id,
      fields: form.data_schema,
      values: login_hint === null ? sent.input : { username: login_hint, ...sent.input },
      reason: ownLoginReason(visit.authorization, public_url),
      error: form.errors?.base,
      placeholders: form.description_placeholders ?? {},
      keep: sent.keep,
      others: others.map((other) => ({
        name: other.name,
        href: hrefOf(query, other),
        needs_passkeys: other.is_unlisted === true,
        begins_by_post: other.external === true || other.is_unlisted === true,
      })),
      cancel: behind && `${CANCEL}?${behind.asked}`,
      full_access: ownLoginTarget(authorization, public_url) === null,
      script: auto_submit ? assets.href('form_post.js') : assets.href('passkey.js'),
      auto_submit,
      codes_script: assets.href('recovery_codes.js'),
    });
    return sendPage(reply, html, { any_form_target: true });
  }

  /**
   * Sets the session cookie and sends the code, if any, to the app. Without a code the
   * authorization request restarts, and the session leads to the consent page.
   */
  async function finish(reply: FastifyReply, visit: LoginPageContext, result: LoginResult, keep: boolean): Promise<FastifyReply> {
    const { request, query, authorization } = visit;
    const { step } = result;
    if (!result.login) throw new Error('a login that is not finished');
    const { remote_address } = request;
    const replaces = cookies.read(request, 'session');
    const device = knownDevices.create(result.login, cookies.read(request, 'device'));
    const user_agent = request.headers['user-agent'] ?? null;
    const cookie = await sessions.start(result.login, { remote_address, user_agent, replaces, device: device?.row ?? null });
    cookies.set(reply, 'session', cookie, keep ? sessions.lifetime : undefined);
    if (device !== null) cookies.set(reply, 'device', device.cookie, knownDevices.lifetime);
    // Our own login continues by path, since people may use another host name than public_url.
    const own = ownLoginTarget(authorization, public_url);
    if (own !== null) return reply.redirect(own, 303);
    if (step.type !== 'create_entry') return reply.redirect(hrefOf(withoutProvider(query)), 303);
    const { redirect_uri, state } = authorization;
    // 303, since 307 would repost the password to the app (RFC 9700 section 4.12).
    return reply.redirect(appendCode(redirect_uri, { code: step.result, state, storeToken: keep }), 303);
  }

  return {
    showForm,

    /** Whether the operator trusts the login's app. */
    async isForTrustedApp(visit: LoginPageContext): Promise<boolean> {
      const { authorization } = visit;
      const own = ownLoginTarget(authorization, public_url) !== null;
      const app = own ? await appBehind(visit) : { ...authorization, client: clientDirectory.urlClient(authorization.client_id) };
      return app !== null && isTrustedClient(app.client, app.redirect_uri);
    },

    /** Sends the result of a step. */
    async send(reply: FastifyReply, visit: LoginPageContext, result: LoginResult, sent: SubmittedForm): Promise<FastifyReply> {
      return await sendStep(visit.request, reply, result.step, {
        stylesheet,
        link: { href: hrefOf(visit.query), text: 'login.start_again' },
        form: (step) => showForm(reply, visit, step, sent),
        finish: () => finish(reply, visit, result, sent.keep),
      });
    },
  };
}

function withoutProvider(query: URLSearchParams): URLSearchParams {
  const asked = new URLSearchParams(query);
  asked.delete(PROVIDER);
  return asked;
}

/** The page's URL, optionally with another provider. */
function hrefOf(query: URLSearchParams, provider?: AuthProvider): string {
  const chosen = new URLSearchParams(query);
  if (provider) chosen.set(PROVIDER, providerKeyText(provider));
  return `/auth/authorize?${chosen}`;
}
