// GET and POST /auth/authorize: the page on which a person logs in for an app. It drives the same login engine as the JSON dialect, works
// without JavaScript, and stores nothing until somebody answers. Everything about the app is judged before anyone types a password.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type AuthProvider, providerKeyText } from '../../domain/auth_provider.ts';
import { type AuthorizationRequest, readAuthorizationRequest } from '../../domain/authorization_request.ts';
import { displayHost } from '../../domain/client_id.ts';
import { AuthError } from '../../domain/errors.ts';
import { isLocalAddress } from '../../domain/network.ts';
import { joinRedirect, redirectHost } from '../../domain/redirect_uri.ts';
import type { Login, LoginResult } from '../../login/login.ts';
import type { Sessions } from '../../login/session.ts';
import type { Assets } from '../assets.ts';
import { formBody } from '../body.ts';
import type { Cookies } from '../cookies.ts';
import type { Browser, Csrf } from '../csrf.ts';
import { languageOf, queryText, sendPage } from '../page.ts';
import { loginPage } from '../pages/login_page.tsx';
import { messagePage } from '../pages/message_page.tsx';
import { CONTROL } from '../pages/step_form.tsx';

/** Query parameter of our own: which provider the person chose. */
const PROVIDER = 'auth_provider';

const COMPANION_APPS: Readonly<Record<string, 'login.home_assistant_ios' | 'login.home_assistant_android'>> = {
  'https://home-assistant.io/iOS': 'login.home_assistant_ios',
  'https://home-assistant.io/android': 'login.home_assistant_android',
};

export interface AuthorizeParts {
  login: Login;
  sessions: Sessions;
  onboarding: { isDone(): Promise<boolean> };
  /** Whether the redirect URI is the client's own; asks the client's page where the URI alone does not tell. */
  acceptsRedirectUri(client_id: string, redirect_uri: string, remote_address: string): Promise<boolean>;
  providers: ReadonlyMap<string, AuthProvider>;
  csrf: Csrf;
  cookies: Cookies;
  assets: Assets;
  public_url: string;
}

/** One visit of the page: who asks for what, through which provider, in which browser. */
interface Visit {
  request: FastifyRequest;
  query: URLSearchParams;
  authorization: AuthorizationRequest;
  provider: AuthProvider;
  others: AuthProvider[];
  browser: Browser;
}

/** What a person sent with the form. */
interface Sent {
  flow_id: string | undefined;
  keep: boolean;
  input: Record<string, string>;
}

export function authorizeRoute(parts: AuthorizeParts): FastifyPluginAsync {
  const { login, sessions, providers, csrf, cookies } = parts;

  async function judge(query: URLSearchParams, remote_address: string): Promise<AuthorizationRequest> {
    const authorization = readAuthorizationRequest(query);
    if (await parts.acceptsRedirectUri(authorization.client_id, authorization.redirect_uri, remote_address)) return authorization;
    throw new AuthError('refused_redirect_uri', 'Invalid redirect URI');
  }

  async function visit(request: FastifyRequest, browser: Browser): Promise<Visit> {
    const query = new URLSearchParams(queryText(request));
    const authorization = await judge(query, request.remote_address);
    const admitted = [...providers.values()].filter((provider) => provider.refusal(request.remote_address) === null);
    const provider = admitted.find((candidate) => providerKeyText(candidate) === query.get(PROVIDER)) ?? admitted[0];
    if (!provider) throw new AuthError('forbidden', 'No way to log in from here');
    return { request, query, authorization, provider, others: admitted.filter((other) => other !== provider), browser };
  }

  /** What the login engine is told, the same for every step. */
  function begin({ request, authorization, provider, browser }: Visit) {
    const { client_id, redirect_uri, code_challenge } = authorization;
    return {
      client_id,
      redirect_uri,
      code_challenge,
      flow_type: 'authorize' as const,
      handler: [provider.auth_provider_type, provider.auth_provider_id] as [string, string | null],
      remote_address: request.remote_address,
      browser_hash: browser.browser_hash,
      error_ref: request.error_ref,
    };
  }

  async function answer(reply: FastifyReply, visited: Visit, result: LoginResult, sent: Sent): Promise<FastifyReply> {
    const { step } = result;
    if (step.type === 'external') return reply.redirect(step.url, 303);
    if (step.type === 'abort') return sendPage(reply, abortedPage(parts, visited, step.reason));
    if (step.type === 'form') return sendPage(reply, formPage(parts, visited, step, sent), { any_form_target: true });
    return finish(reply, visited, result, sent);
  }

  /** The code goes to the app, the browser keeps a session. */
  async function finish(reply: FastifyReply, { request, authorization }: Visit, result: LoginResult, sent: Sent): Promise<FastifyReply> {
    if (result.step.type !== 'create_entry' || !result.login) throw new Error('a login that is not finished');
    const { remote_address } = request;
    const from = { remote_address, user_agent: request.headers['user-agent'] ?? null, replaces: cookies.read(request, 'session') };
    const cookie = await sessions.start(result.login, from);
    cookies.set(reply, 'session', cookie, sent.keep ? sessions.lifetime : undefined);
    const { redirect_uri, state } = authorization;
    // 303 and never 307, which would post the password on to the app (RFC 9700 section 4.12).
    return reply.redirect(joinRedirect(redirect_uri, { code: result.step.result, state, storeToken: sent.keep }), 303);
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    app.get('/auth/authorize', { config }, async (request, reply) => {
      if (!(await parts.onboarding.isDone())) return reply.redirect(`/onboarding${queryText(request)}`, 303);
      const visited = await visit(request, csrf.meet(request, reply));
      return answer(reply, visited, await login.preview(begin(visited)), {
        flow_id: undefined,
        keep: keepPreselected(parts, visited),
        input: {},
      });
    });

    app.post('/auth/authorize', { config }, async (request, reply) => {
      const form = await formBody(request);
      const visited = await visit(request, csrf.check(request, form));
      const sent = readSent(form);
      const { flow_id, input } = sent;
      const started = begin(visited);
      const result =
        flow_id === undefined ? await login.submitFirst({ ...started, input }) : await login.submit({ ...started, flow_id, input });
      request.counts_as_failure = result.failed;
      return answer(reply, visited, result, sent);
    });
  };
}

function readSent(form: ReadonlyMap<string, string>): Sent {
  const controls: readonly string[] = Object.values(CONTROL);
  const input = Object.fromEntries([...form].filter(([name]) => !controls.includes(name)));
  return { flow_id: form.get(CONTROL.flow_id), keep: form.has(CONTROL.keep), input };
}

/** Home Assistant ticks the box for a page of its own origin, opened from the local network. */
function keepPreselected({ public_url }: AuthorizeParts, { request, authorization }: Visit): boolean {
  return isLocalAddress(request.remote_address) && authorization.client_id.startsWith(`${public_url}/`);
}

function formPage({ assets }: AuthorizeParts, visited: Visit, step: LoginResult['step'] & { type: 'form' }, sent: Sent): string {
  const { request, authorization, provider, others, browser } = visited;
  const language = languageOf(request);
  const host = displayHost(authorization.client_id) ?? authorization.client_id;
  const app = COMPANION_APPS[authorization.client_id];
  const target = redirectHost(authorization.redirect_uri);
  return loginPage({
    language,
    stylesheet: assets.href('style.css'),
    client: { name: app === undefined ? host : language.t(app), host, redirect_host: target === host || app !== undefined ? null : target },
    action: request.url,
    csrf: browser.csrf_token,
    // A flow exists from the first answer on; before that there is nothing to go on with.
    flow_id: request.method === 'POST' || step.step_id === 'mfa' ? step.flow_id : null,
    provider_name: provider.name,
    step_id: step.step_id,
    fields: step.data_schema,
    values: sent.input,
    error: step.errors?.base,
    placeholders: step.description_placeholders ?? {},
    keep: sent.keep,
    others: others.map((other) => ({ name: other.name, href: hrefWith(visited.query, other) })),
  });
}

function hrefWith(query: URLSearchParams, provider: AuthProvider): string {
  const chosen = new URLSearchParams(query);
  chosen.set(PROVIDER, providerKeyText(provider));
  return `/auth/authorize?${chosen}`;
}

function abortedPage({ assets }: AuthorizeParts, { request }: Visit, reason: string): string {
  const language = languageOf(request);
  const { t } = language;
  const text = language.maybe(`abort.${reason}`, t('abort.unknown_error'));
  return messagePage({
    language,
    stylesheet: assets.href('style.css'),
    title: t('error.title'),
    text,
    link: { href: request.url, text: t('login.start_again') },
  });
}
