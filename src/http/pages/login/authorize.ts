// GET and POST /auth/authorize: the login page of an app, on the same engine as the JSON dialect,
// without JavaScript. Any site can make a browser send the GET, so it stores nothing, contacts no
// provider and logs nobody in. The app is validated before a password is entered.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type AuthProvider, providerKeyText } from '../../../domain/auth_provider.ts';
import { type AuthorizationRequest, type Profile, profileFor, readAuthorizationRequest } from '../../../domain/authorization_request.ts';
import { displayHost } from '../../../domain/client_id.ts';
import { AuthError } from '../../../domain/errors.ts';
import { loginBlocked } from '../../../domain/login_block.ts';
import { isLocalAddress } from '../../../domain/network.ts';
import { queryOf } from '../../../domain/standard_request.ts';
import type { Login } from '../../../login/login.ts';
import { refusedRedirect } from '../../../oauth/authorize.ts';
import { formBody } from '../../server/body.ts';
import type { Browser, Csrf } from '../../server/csrf.ts';
import type { HostRule } from '../../server/host_rule.ts';
import { queryText } from '../../server/query_text.ts';
import { fetchAsker, refuseSubresource } from '../../server/same_origin.ts';
import { CONTROL } from '../components/step_form.tsx';
import { languageOf, sendPage } from '../html_reply.ts';
import { CONSENT } from './consent_page.tsx';
import { continuePage } from './continue_page.tsx';
import { createHomeAssistantAuthorize } from './home_assistant_authorize.ts';
import { ownLoginReason, ownLoginTarget } from './login.ts';
import {
  CANCEL,
  createLoginReply,
  type LoginPageContext,
  type LoginReplyDeps,
  PROVIDER,
  type ShownForm,
  type SubmittedForm,
} from './login_reply.ts';
import { createStandardAuthorize, isTooLong, type StandardAuthorizeDeps } from './standard_authorize.ts';

export interface AuthorizeRouteDeps extends LoginReplyDeps, StandardAuthorizeDeps {
  login: Login;
  onboarding: { isDone(): Promise<boolean> };
  /** Whether the redirect URI is the client's; fetches its page only if necessary. */
  acceptsRedirectUri(client_id: string, redirect_uri: string, remote_address: string): Promise<boolean>;
  providers: ReadonlyMap<string, AuthProvider>;
  csrf: Csrf;
  hostRule: HostRule;
  public_url: string;
}

/** Where the page's button continues a request that requires a fetch. */
const CONTINUE = '/auth/authorize/continue';
/** The confirmation before a step that is external or stored: a form with only a button. */
const CONFIRMATION: ShownForm = { step_id: 'init', data_schema: [], errors: null, description_placeholders: null };

export function authorizeRoute(deps: AuthorizeRouteDeps): FastifyPluginAsync {
  const { login, providers, csrf } = deps;
  const answer = createLoginReply(deps);
  const standard = createStandardAuthorize(deps);
  const logged_in = createHomeAssistantAuthorize(deps);

  async function judge(query: URLSearchParams, asker: string): Promise<AuthorizationRequest> {
    const authorization = readAuthorizationRequest(query, deps.public_url);
    const { client_id, redirect_uri } = authorization;
    if (await deps.acceptsRedirectUri(client_id, redirect_uri, asker)) return authorization;
    const client = deps.clientDirectory.urlClient(client_id);
    throw refusedRedirect(client, redirect_uri, deps.clientDirectory.whyWithoutDocument(client));
  }

  /** The dialect of a request. A client with a document always uses the standard profile. */
  async function profileOfRequest(query: URLSearchParams, request: FastifyRequest): Promise<Profile> {
    const profile = profileFor(query);
    const client_id = query.get('client_id') ?? '';
    if (profile === 'standard' || !(await deps.clientDirectory.publishesDocument(client_id, fetchAsker(request)))) return profile;
    return 'standard';
  }

  async function visit(request: FastifyRequest, browser: Browser): Promise<LoginPageContext> {
    const query = new URLSearchParams(queryText(request));
    const authorization = await judge(query, fetchAsker(request));
    const address = deps.hostRule.addressOf(request);
    const admitted = [...providers.values()].filter((provider) => provider.refusal(address) === null);
    const chosen = admitted.find((candidate) => providerKeyText(candidate) === query.get(PROVIDER));
    const provider = chosen ?? admitted.find(({ is_unlisted }) => !is_unlisted);
    if (!provider) throw new AuthError('forbidden', 'No way to log in from here');
    return { request, query, authorization, provider, others: admitted.filter((other) => other !== provider), browser };
  }

  /** The login engine's parameters, the same for every step. */
  function begin({ request, query, authorization, provider, browser }: LoginPageContext, keep: boolean) {
    const { client_id, redirect_uri, code_challenge } = authorization;
    return {
      client_id,
      redirect_uri,
      code_challenge,
      flow_type: 'authorize' as const,
      handler: [provider.auth_provider_type, provider.auth_provider_id] as [string, string | null],
      remote_address: request.remote_address,
      proven_address: deps.hostRule.addressOf(request),
      browser_hash: browser.browser_hash,
      device_cookie: deps.cookies.read(request, 'device'),
      reauthenticate: ownLoginReason(authorization, deps.public_url) === 'reauth',
      page: { query: query.toString(), keep },
    };
  }

  /** A login by network address starts by itself for trusted apps, and never replaces a session. */
  async function mayStartUnasked(visited: LoginPageContext): Promise<boolean> {
    return (await answer.isForTrustedApp(visited)) && (await deps.browserSessions.find(visited.request)) === null;
  }

  async function showLogin(reply: FastifyReply, visited: LoginPageContext): Promise<FastifyReply> {
    const keep = keepPreselected(deps, visited);
    const sent = { flow_id: null, keep, input: {} };
    const preview = await login.preview(begin(visited, keep));
    if (preview.type === 'step') return await answer.send(reply, visited, { step: preview.step, failed: false }, sent);
    const auto_submit = preview.type === 'automatic' && (await mayStartUnasked(visited));
    return await answer.showForm(reply, visited, CONFIRMATION, sent, { auto_submit });
  }

  async function start(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = new URLSearchParams(queryText(request));
    const client_id = query.get('client_id') ?? '';
    // Before a password is entered in vain.
    if (await deps.clientDirectory.isRefused(client_id)) throw loginBlocked('app_refused', client_id);
    if ((await profileOfRequest(query, request)) === 'standard') return await standard.answer(reply, request, query, null);
    const visited = await visit(request, csrf.meet(request, reply));
    const continued = query.has(PROVIDER) ? null : await logged_in.offer(reply, visited, keepPreselected(deps, visited));
    return continued ?? (await showLogin(reply, visited));
  }

  /** Pages of other sites may have used up the fetches for requests without a click. */
  function askToGoOn(request: FastifyRequest, reply: FastifyReply, { retry_after = 60 }: AuthError): FastifyReply {
    const { csrf_token } = csrf.meet(request, reply);
    const host = displayHost(new URLSearchParams(queryText(request)).get('client_id') ?? '') ?? '';
    const action = `${CONTINUE}${queryText(request)}`;
    const page = { language: languageOf(request), stylesheet: deps.assets.href('style.css'), host, action, csrf: csrf_token };
    return sendPage(reply.code(429).header('retry-after', retry_after), continuePage(page), { any_form_target: true });
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    app.get('/auth/authorize', { config }, async (request, reply) => {
      refuseSubresource(request);
      if (!(await deps.onboarding.isDone())) return reply.redirect(`/onboarding${queryText(request)}`, 303);
      try {
        return await start(request, reply);
      } catch (error) {
        if (error instanceof AuthError && error.code === 'too_many_requests') return askToGoOn(request, reply, error);
        throw error;
      }
    });

    app.post(CONTINUE, { config }, async (request, reply) => {
      csrf.check(request, await formBody(request));
      return await start(request, reply);
    });

    app.post('/auth/authorize/consent', { config }, async (request, reply) => {
      const form = await formBody(request);
      const browser = csrf.check(request, form);
      const query = new URLSearchParams(queryText(request));
      const decision = { sid: form.get(CONSENT.sid) ?? '', allowed: form.get(CONSENT.decision) === 'allow' };
      if ((await profileOfRequest(query, request)) === 'standard') return await standard.answer(reply, request, query, decision);
      const visited = await visit(request, browser);
      return (await logged_in.answer(reply, visited, decision, form.has(CONTROL.keep))) ?? (await showLogin(reply, visited));
    });

    // The link on the page of an expired form leads here.
    for (const path of [CONTINUE, CANCEL, '/auth/authorize/consent'])
      app.get(path, { config }, async (request, reply) => reply.redirect(`/auth/authorize${queryText(request)}`, 303));

    app.post(CANCEL, { config }, async (request, reply) => {
      csrf.check(request, await formBody(request));
      return await standard.answer(reply, request, new URLSearchParams(queryText(request)), { sid: '', allowed: false });
    });

    app.post('/auth/authorize', { config }, async (request, reply) => {
      const form = await formBody(request);
      // OpenID Connect Core section 3.1.2.1: requests may be POSTed. Continues as a GET, which
      // carries the browser's cookies.
      if (queryText(request) === '' && form.has('client_id')) {
        const query = queryOf(form);
        // A query of that length would be refused.
        if (profileFor(query) === 'standard' && isTooLong(query)) return await standard.answer(reply, request, query, null);
        return reply.redirect(`/auth/authorize?${query}`, 303);
      }
      const visited = await visit(request, csrf.check(request, form));
      const { flow_id, keep, input } = readSent(form);
      const started = begin(visited, keep);
      // The button before a first step submits no field.
      if (flow_id === null && Object.keys(input).length === 0) {
        const result = await login.start({ ...started, store: false });
        return await answer.send(reply, visited, result, { flow_id: result.is_stored ? result.step.flow_id : null, keep, input });
      }
      const result = await (flow_id === null ? login.start({ ...started, input }) : login.resume({ ...started, flow_id, input }));
      request.counts_as_failure = result.failed;
      // A flow exists from the first answer on.
      return answer.send(reply, visited, result, { flow_id: result.step.flow_id, keep, input });
    });
  };
}

function readSent(form: ReadonlyMap<string, string>): SubmittedForm {
  const controls: readonly string[] = Object.values(CONTROL);
  const input = Object.fromEntries([...form].filter(([name]) => !controls.includes(name)));
  return { flow_id: form.get(CONTROL.flow_id) ?? null, keep: form.has(CONTROL.keep), input };
}

/**
 * Home Assistant preselects this for a page of its own origin opened from the local network. Our
 * own logins stand for another app.
 */
function keepPreselected({ public_url }: AuthorizeRouteDeps, { request, authorization }: LoginPageContext): boolean {
  if (ownLoginTarget(authorization, public_url) !== null) return false;
  return isLocalAddress(request.remote_address) && authorization.client_id.startsWith(`${public_url}/`);
}
