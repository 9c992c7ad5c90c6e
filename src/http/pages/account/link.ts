// GET /account/link and GET, POST /account/link/{ticket_id}: links another login to an account. An
// app sends the person here with a ticket, which is bound to the first browser that opens it. The
// page names the account first.

import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { AuthError } from '../../../domain/errors.ts';
import type { Login } from '../../../login/login.ts';
import type { Sessions } from '../../../login/session.ts';
import { formBody } from '../../server/body.ts';
import type { Cookies } from '../../server/cookies.ts';
import type { Browser, Csrf } from '../../server/csrf.ts';
import { queryText } from '../../server/query_text.ts';
import { CONTROL } from '../components/step_form.tsx';
import { createLinkReply, type LinkPageContext, type LinkReplyDeps, linkPath, ticketReference } from './link_reply.ts';

export interface AccountLinkDeps extends LinkReplyDeps {
  login: Login;
  sessions: Sessions;
  cookies: Cookies;
  csrf: Csrf;
}

/** The confirmation before the provider's first step: a form with only a button. */
const CONFIRMATION = { flow_id: null, fields: [], values: {} };

export function accountLinkRoute(deps: AccountLinkDeps): FastifyPluginAsync {
  const { linkTickets, login, sessions, cookies, csrf } = deps;
  const answer = createLinkReply(deps);

  async function visit(request: FastifyRequest, ticket_id: string, browser: Browser): Promise<LinkPageContext> {
    const found = await linkTickets.find(ticketReference({ request, ticket_id, browser }));
    const cookie = cookies.read(request, 'session');
    const session = cookie === null ? null : await sessions.find(cookie, request.remote_address);
    // Following another person's ticket would give them one's own login.
    if (session && session.user_id !== found.user.user_id) throw new AuthError('forbidden', 'Logged in as another user');
    return { ...found, request, ticket_id, browser };
  }

  /** The login engine's parameters, the same for every step. */
  function begin({ request, provider, ticket_id, browser }: LinkPageContext) {
    return {
      client_id: answer.client_id,
      redirect_uri: `${deps.public_url}/account/link`,
      code_challenge: null,
      flow_type: 'link_user' as const,
      handler: [provider.auth_provider_type, provider.auth_provider_id] as const,
      remote_address: request.remote_address,
      browser_hash: browser.browser_hash,
      error_ref: request.error_ref,
      page: { query: ticket_id, keep: false },
    };
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    // Removes the secret from the address bar.
    app.get('/account/link', { config }, async (request, reply) => {
      const { browser_hash } = csrf.meet(request, reply);
      const ticket = new URLSearchParams(queryText(request)).get('ticket') ?? '';
      return reply.redirect(linkPath(await linkTickets.open(ticket, browser_hash)), 303);
    });

    app.get<{ Params: { ticket_id: string } }>('/account/link/:ticket_id', { config }, async (request, reply) => {
      const visited = await visit(request, request.params.ticket_id, csrf.meet(request, reply));
      return answer.showForm(reply, visited, CONFIRMATION);
    });

    app.post<{ Params: { ticket_id: string } }>('/account/link/:ticket_id', { config }, async (request, reply) => {
      const form = await formBody(request);
      const visited = await visit(request, request.params.ticket_id, csrf.check(request, form));
      const { flow_id, input } = readSent(form);
      const started = begin(visited);
      if (flow_id !== null) {
        const result = await login.resume({ ...started, flow_id, input });
        request.counts_as_failure = result.failed;
        return await answer.send(reply, visited, result, input);
      }
      return await answer.send(reply, visited, await login.start(started));
    });
  };
}

function readSent(form: ReadonlyMap<string, string>): { flow_id: string | null; input: Record<string, string> } {
  const controls: readonly string[] = Object.values(CONTROL);
  const input = Object.fromEntries([...form].filter(([name]) => !controls.includes(name)));
  return { flow_id: form.get(CONTROL.flow_id) ?? null, input };
}
