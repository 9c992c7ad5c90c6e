// GET and POST /auth/callback/{provider}: the return from another server, on any replica. login/
// validates the parameters; then the login page continues. The target was stored before, and is
// never read from this URL.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthProvider } from '../../../domain/auth_provider.ts';
import { readAuthorizationRequest } from '../../../domain/authorization_request.ts';
import { displayHost } from '../../../domain/client_id.ts';
import { AuthError } from '../../../domain/errors.ts';
import type { FormValues } from '../../../domain/form.ts';
import type { Login, ResumeResult } from '../../../login/login.ts';
import { formBody } from '../../server/body.ts';
import type { Browser, Csrf } from '../../server/csrf.ts';
import type { HostRule } from '../../server/host_rule.ts';
import { queryText } from '../../server/query_text.ts';
import { createLinkReply, type LinkReplyDeps } from '../account/link_reply.ts';
import { confirmPage } from '../components/confirm_page.tsx';
import { messagePage } from '../components/message_page.tsx';
import { languageOf, sendPage } from '../html_reply.ts';
import { createLoginReply, type LoginReplyDeps } from './login_reply.ts';

export interface CallbackDeps extends LoginReplyDeps, LinkReplyDeps {
  login: Login;
  providers: ReadonlyMap<string, AuthProvider>;
  csrf: Csrf;
  hostRule: HostRule;
}

interface Route {
  Params: { provider: string };
}

type CallbackRequest = FastifyRequest<Route>;

const PATH = '/auth/callback/:provider';
const MAX_QUERY_LENGTH = 8192;

export function callbackRoute(deps: CallbackDeps): FastifyPluginAsync {
  const { login, providers, csrf, assets } = deps;
  const stylesheet = assets.href('style.css');
  const answer = createLoginReply(deps);
  const linkAnswer = createLinkReply(deps);

  /** Continues with the page that the person left. */
  async function goOn(reply: FastifyReply, request: FastifyRequest, browser: Browser, came_back: ResumeResult & { type: 'page' }) {
    const { flow_type, page, provider, result } = came_back;
    if (flow_type === 'link_user') return await linkAnswer.comeBack(reply, request, browser, page, result);
    const query = new URLSearchParams(page.query);
    const address = deps.hostRule.addressOf(request);
    const admitted = [...providers.values()].filter((other) => other.refusal(address) === null);
    const others = admitted.filter((other) => other !== provider);
    const visited = { request, query, authorization: readAuthorizationRequest(query, deps.public_url), provider, others, browser };
    return await answer.send(reply, visited, result, { flow_id: result.step.flow_id, keep: page.keep, input: {} });
  }

  function confirm(
    reply: FastifyReply,
    request: FastifyRequest,
    browser: Browser,
    { provider, client_id, remote_address, minutes_ago }: ResumeResult & { type: 'unconfirmed' },
  ) {
    const app = displayHost(client_id) ?? client_id;
    const page = { language: languageOf(request), stylesheet, action: request.url, csrf: browser.csrf_token };
    return sendPage(reply, confirmPage({ ...page, app, provider_name: provider.name, remote_address, minutes_ago }));
  }

  /** The JSON client that started the flow fetches the result itself. */
  function sayDone(reply: FastifyReply, request: FastifyRequest): FastifyReply {
    const language = languageOf(request);
    const { t } = language;
    return sendPage(reply, messagePage({ language, stylesheet, title: t('callback.title'), text: t('callback.close') }));
  }

  async function comeBack(request: CallbackRequest, reply: FastifyReply, browser: Browser, confirmed: boolean): Promise<FastifyReply> {
    const { remote_address, error_ref } = request;
    const { provider } = request.params;
    const { browser_hash } = browser;
    const parameters = readParameters(queryText(request));
    const came_back = await login.resumeReturned({ provider, parameters, browser_hash, remote_address, error_ref, confirmed });
    if (came_back.type === 'page') return await goOn(reply, request, browser, came_back);
    return came_back.type === 'kept' ? sayDone(reply, request) : confirm(reply, request, browser, came_back);
  }

  return async (app) => {
    const config = { answers: 'page' as const };
    app.get<Route>(PATH, { config }, async (request, reply) => comeBack(request, reply, csrf.meet(request, reply), false));
    app.post<Route>(PATH, { config }, async (request, reply) =>
      comeBack(request, reply, csrf.check(request, await formBody(request)), true),
    );
  };
}

function readParameters(query: string): FormValues {
  if (query.length > MAX_QUERY_LENGTH) throw new AuthError('invalid_request', 'The answer is too long');
  const parameters = new URLSearchParams(query);
  const values = Object.fromEntries(parameters);
  // RFC 6749 section 3.1: parameters must not be repeated.
  if (Object.keys(values).length !== parameters.size) throw new AuthError('invalid_request', 'A parameter is there more than once');
  if (Object.values(values).some((value) => value.includes('\0'))) throw new AuthError('invalid_request', 'A parameter has a NUL in it');
  return values;
}
