// Renders the result of a linking step: a form, an external redirect, or the end. Shared by link.ts
// and callback.ts.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { LinkTicketReference, LinkTickets, OpenTicket } from '../../../accounts/link_tickets.ts';
import type { FlowPage } from '../../../domain/login_flow.ts';
import type { LoginResult } from '../../../login/login.ts';
import type { Browser } from '../../server/csrf.ts';
import type { Assets } from '../assets.ts';
import { messagePage } from '../components/message_page.tsx';
import { languageOf, sendPage, sendStep } from '../html_reply.ts';
import { linkPage } from './link_page.tsx';

export interface LinkReplyDeps {
  linkTickets: LinkTickets;
  assets: Assets;
  public_url: string;
}

/** The context of a linking page. */
export interface LinkPageContext extends OpenTicket {
  request: FastifyRequest;
  ticket_id: string;
  browser: Browser;
}

/** The form to show. */
interface Shown {
  flow_id: string | null;
  fields: Parameters<typeof linkPage>[0]['fields'];
  values: Readonly<Record<string, string>>;
  error?: string | undefined;
}

export function createLinkReply({ linkTickets, assets, public_url }: LinkReplyDeps) {
  const stylesheet = assets.href('style.css');
  /** This server is the client of these flows. */
  const client_id = `${public_url}/`;

  function showForm(reply: FastifyReply, { request, user, provider, ticket_id, browser }: LinkPageContext, shown: Shown): FastifyReply {
    const page = {
      account: user.name ?? user.user_id,
      provider_name: provider.name,
      action: linkPath(ticket_id),
      csrf: browser.csrf_token,
    };
    const html = linkPage({ language: languageOf(request), stylesheet, ...page, ...shown, error: shown.error });
    return sendPage(reply, html, { any_form_target: true });
  }

  async function finish(reply: FastifyReply, visit: LinkPageContext, code: string): Promise<FastifyReply> {
    const { request, provider } = visit;
    await linkTickets.redeem(ticketReference(visit), { code, client_id });
    const language = languageOf(request);
    const { t } = language;
    const text = t('link.done', { name: provider.name });
    return sendPage(reply, messagePage({ language, stylesheet, title: t('link.done_title'), text }));
  }

  async function send(
    reply: FastifyReply,
    visit: LinkPageContext,
    result: LoginResult,
    values: Shown['values'] = {},
  ): Promise<FastifyReply> {
    return await sendStep(visit.request, reply, result.step, {
      stylesheet,
      link: { href: linkPath(visit.ticket_id), text: 'login.start_again' },
      form: (step) => showForm(reply, visit, { flow_id: step.flow_id, fields: step.data_schema, values, error: step.errors?.base }),
      finish(step) {
        if (step.type === 'signed_in') throw new Error('a link gives no session');
        return finish(reply, visit, step.result);
      },
    });
  }

  return {
    client_id,
    showForm,
    send,

    /** Continues with the page that the person left. */
    async comeBack(reply: FastifyReply, request: FastifyRequest, browser: Browser, page: FlowPage, result: LoginResult) {
      const ticket_id = page.query;
      const found = await linkTickets.find(ticketReference({ request, ticket_id, browser }));
      return await send(reply, { ...found, request, ticket_id, browser }, result);
    },
  };
}

export function ticketReference({
  request,
  ticket_id,
  browser,
}: Pick<LinkPageContext, 'request' | 'ticket_id' | 'browser'>): LinkTicketReference {
  return { ticket_id, browser_hash: browser.browser_hash, remote_address: request.remote_address };
}

export function linkPath(ticket_id: string): string {
  return `/account/link/${ticket_id}`;
}
