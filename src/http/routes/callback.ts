// GET /auth/callback/{provider}: where people come back to from another server, on whichever replica. What they bring is judged in login/; the
// page goes on as the login page does. The way on was stored when they left, and is never read from this URL.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthProvider } from '../../domain/auth_provider.ts';
import { readAuthorizationRequest } from '../../domain/authorization_request.ts';
import { AuthError } from '../../domain/errors.ts';
import type { Values } from '../../domain/form.ts';
import type { CameBack, Login } from '../../login/login.ts';
import type { Browser, Csrf } from '../csrf.ts';
import { createLoginAnswer, type LoginAnswerParts } from '../login_answer.ts';
import { languageOf, queryText, sendPage } from '../page.ts';
import { messagePage } from '../pages/message_page.tsx';

export interface CallbackParts extends LoginAnswerParts {
  login: Login;
  providers: ReadonlyMap<string, AuthProvider>;
  csrf: Csrf;
}

const MAX_QUERY_LENGTH = 8192;

export function callbackRoute(parts: CallbackParts): FastifyPluginAsync {
  const { login, providers, csrf, assets } = parts;
  const stylesheet = assets.href('style.css');
  const answer = createLoginAnswer(parts);

  /** On with the page that the person left. */
  async function goOn(reply: FastifyReply, request: FastifyRequest, browser: Browser, came_back: CameBack): Promise<FastifyReply> {
    const { page, provider, ...result } = came_back;
    const query = new URLSearchParams(page.query);
    const admitted = [...providers.values()].filter((other) => other.refusal(request.remote_address) === null);
    const others = admitted.filter((other) => other !== provider);
    const visited = { request, query, authorization: readAuthorizationRequest(query), provider, others, browser };
    return await answer.send(reply, visited, result, { flow_id: result.step.flow_id, keep: page.keep, input: {} });
  }

  /** The client that began it asks for itself how it went. */
  function sayDone(reply: FastifyReply, request: FastifyRequest): FastifyReply {
    const language = languageOf(request);
    const { t } = language;
    return sendPage(reply, messagePage({ language, stylesheet, title: t('callback.title'), text: t('callback.close') }));
  }

  return async (app) => {
    app.get<{ Params: { provider: string } }>('/auth/callback/:provider', { config: { answers: 'page' } }, async (request, reply) => {
      const parameters = readParameters(queryText(request));
      const browser = csrf.meet(request, reply);
      const { remote_address, error_ref } = request;
      const { provider } = request.params;
      const { browser_hash } = browser;
      const came_back = await login.comeBack({ provider, parameters, browser_hash, remote_address, error_ref });
      return came_back ? await goOn(reply, request, browser, came_back) : sayDone(reply, request);
    });
  };
}

function readParameters(query: string): Values {
  if (query.length > MAX_QUERY_LENGTH) throw new AuthError('invalid_request', 'The answer is too long');
  const parameters = new URLSearchParams(query);
  const values = Object.fromEntries(parameters);
  // RFC 6749 section 3.1: parameters must not be there more than once.
  if (Object.keys(values).length !== parameters.size) throw new AuthError('invalid_request', 'A parameter is there more than once');
  if (Object.values(values).some((value) => value.includes('\0'))) throw new AuthError('invalid_request', 'A parameter has a NUL in it');
  return values;
}
