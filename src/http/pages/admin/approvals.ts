// /admin/approvals: the people and apps that wait, with buttons to approve and decline them.
// Requires the browser session of somebody who may approve, and for decisions about people a fresh
// login, to which it redirects.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type Actor, type ApprovalsBy, requireApprover } from '../../../accounts/actor.ts';
import type { Approvals } from '../../../accounts/approvals.ts';
import type { Groups } from '../../../accounts/groups.ts';
import type { Users } from '../../../accounts/users.ts';
import { type AuthProvider, providerKeyText } from '../../../domain/auth_provider.ts';
import { AuthError } from '../../../domain/errors.ts';
import { ADMIN_GROUP } from '../../../domain/user.ts';
import { formBody } from '../../server/body.ts';
import type { BrowserSession, BrowserSessions } from '../../server/browser_session.ts';
import type { Csrf } from '../../server/csrf.ts';
import { loginHref } from '../../server/login_href.ts';
import { pathId } from '../../server/path_id.ts';
import type { Assets } from '../assets.ts';
import { languageOf, sendPage } from '../html_reply.ts';
import { approvalsPage, GROUP_FIELD } from './approvals_page.tsx';

export interface ApprovalsPageDeps {
  approvals: Approvals;
  approvals_by: ApprovalsBy;
  users: Users;
  groups: Groups;
  /** By `providerKeyText`. */
  providers: ReadonlyMap<string, AuthProvider>;
  browserSessions: BrowserSessions;
  csrf: Csrf;
  assets: Assets;
}

const PATH = '/admin/approvals';

type Form = ReadonlyMap<string, string>;

export function approvalsPageRoute(deps: ApprovalsPageDeps): FastifyPluginAsync {
  const { approvals, approvals_by, users, groups, providers, browserSessions, csrf, assets } = deps;
  const stylesheet = assets.href('style.css');

  /** The approver behind a browser; null without a session. Throws `unauthorized` for others. */
  async function approverOf(request: FastifyRequest): Promise<Actor | null> {
    const session = await browserSessions.find(request);
    if (!session) return null;
    const actor = await actorOf(session, request);
    requireApprover(actor, approvals_by);
    return actor;
  }

  async function actorOf({ user_id, is_owner, auth_time, amr }: BrowserSession, { remote_address }: FastifyRequest): Promise<Actor> {
    const is_admin = is_owner || (await users.get(user_id)).group_ids.includes(ADMIN_GROUP);
    return { user_id, is_owner, is_admin, remote_address, login: { auth_time, amr, is_login: true } };
  }

  /** As people know it; a provider that is no longer configured has only its type. */
  function providerName(type: string, id: string | null): string {
    return providers.get(providerKeyText({ auth_provider_type: type, auth_provider_id: id }))?.name ?? type;
  }

  async function show(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { csrf_token } = csrf.meet(request, reply);
    const [pending, all] = await Promise.all([approvals.pending(), groups.list()]);
    // Administrators are not made by one click.
    const offered = all.filter(({ id }) => id !== ADMIN_GROUP);
    return sendPage(
      reply,
      approvalsPage({ language: languageOf(request), stylesheet, csrf: csrf_token, path: PATH, groups: offered, providerName, ...pending }),
    );
  }

  async function decide(request: FastifyRequest, reply: FastifyReply, work: (actor: Actor, form: Form) => Promise<unknown>) {
    const form = await formBody(request);
    csrf.check(request, form);
    try {
      const actor = await approverOf(request);
      if (!actor) return reply.redirect(loginHref(PATH), 303);
      await work(actor, form);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      if (error.code === 'reauth_required') return reply.redirect(loginHref(PATH, {}, 'reauth'), 303);
      // Somebody else has decided meanwhile.
      if (error.code !== 'not_pending' && error.code !== 'not_found') throw error;
    }
    return reply.redirect(PATH, 303);
  }

  return async (app) => {
    const config = { answers: 'page' as const, database_only: true };

    app.get(PATH, { config }, async (request, reply) =>
      (await approverOf(request)) ? await show(request, reply) : reply.redirect(loginHref(PATH), 303),
    );

    // For reloads and the link of error pages: decisions have no page of their own.
    for (const step of ['users/:user_id/approve', 'users/:user_id/decline', 'apps/approve', 'apps/refuse'])
      app.get(`${PATH}/${step}`, { config }, (_request, reply) => reply.redirect(PATH, 303));

    app.post<{ Params: { user_id: string } }>(`${PATH}/users/:user_id/approve`, { config }, (request, reply) =>
      decide(request, reply, (actor, form) => users.approve(pathId(request.params.user_id), { group_ids: groupsOf(form) }, actor)),
    );

    app.post<{ Params: { user_id: string } }>(`${PATH}/users/:user_id/decline`, { config }, (request, reply) =>
      decide(request, reply, (actor) => users.decline(pathId(request.params.user_id), actor)),
    );

    for (const [step, status] of [['approve', 'approved'] as const, ['refuse', 'refused'] as const])
      app.post(`${PATH}/apps/${step}`, { config }, (request, reply) =>
        decide(request, reply, (actor, form) =>
          approvals.decide({ client_id: form.get('client_id') ?? '', metadata_hash: form.get('metadata_hash') ?? '', status }, actor),
        ),
      );
  };
}

/** The ticked groups; each has a field of its own, since fields may not be repeated. */
function groupsOf(form: Form): string[] {
  return [...form.keys()].filter((name) => name.startsWith(GROUP_FIELD)).map((name) => name.slice(GROUP_FIELD.length));
}
