// /account/security: a person's second factors. Requires a browser session, and for changes a fresh
// login, to which it redirects.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Mfa } from '../../../accounts/mfa.ts';
import type { MfaCaller, MfaSetup, MfaSetupStep } from '../../../accounts/mfa_setup.ts';
import { AuthError } from '../../../domain/errors.ts';
import type { Sessions } from '../../../login/session.ts';
import { formBody } from '../../server/body.ts';
import type { Cookies } from '../../server/cookies.ts';
import type { Csrf } from '../../server/csrf.ts';
import { loginHref } from '../../server/login_href.ts';
import { queryText } from '../../server/query_text.ts';
import type { Assets } from '../assets.ts';
import { CONTROL } from '../components/step_form.tsx';
import { languageOf, sendPage, sendStep } from '../html_reply.ts';
import { mfaSetupPage } from './mfa_setup_page.tsx';
import { securityPage } from './security_page.tsx';

export interface AccountSecurityDeps {
  mfa: Mfa;
  mfaSetup: MfaSetup;
  sessions: Sessions;
  cookies: Cookies;
  csrf: Csrf;
  assets: Assets;
}

const PATH = '/account/security';

type Answer = FastifyReply | Promise<FastifyReply>;

export function accountSecurityRoute({ mfa, mfaSetup, sessions, cookies, csrf, assets }: AccountSecurityDeps): FastifyPluginAsync {
  const stylesheet = assets.href('style.css');
  const script = assets.href('passkey.js');
  const codes_script = assets.href('recovery_codes.js');

  async function callerOf(request: FastifyRequest): Promise<MfaCaller | null> {
    const cookie = cookies.read(request, 'session');
    const { remote_address } = request;
    const session = cookie === null ? null : await sessions.find(cookie, remote_address);
    if (!session) return null;
    const { user_id, name, is_owner, auth_time, amr } = session;
    return { user: { id: user_id, name, is_owner, system_generated: false }, auth_time, amr, is_login: true, remote_address };
  }

  /**
   * Runs for a logged-in person; redirects to a login without a session, or without a sufficient
   * one. `resume`: the choice to offer again afterwards.
   */
  async function withCaller(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (caller: MfaCaller) => Answer,
    resume?: string,
  ): Promise<FastifyReply> {
    const caller = await callerOf(request);
    if (!caller) return reply.redirect(loginHref(PATH), 303);
    try {
      return await work(caller);
    } catch (error) {
      const next = resume === undefined ? PATH : `${PATH}?${new URLSearchParams({ resume })}`;
      if (error instanceof AuthError && error.code === 'reauth_required') return reply.redirect(loginHref(next, {}, 'reauth'), 303);
      throw error;
    }
  }

  function showSetup(request: FastifyRequest, reply: FastifyReply, csrf_token: string, step: MfaSetupStep, name: string): Answer {
    return sendStep(request, reply, step, {
      stylesheet,
      link: { href: PATH, text: 'security.back' },
      form: (form) => sendPage(reply, setupForm(request, csrf_token, form, name)),
      finish: () => reply.redirect(PATH, 303),
    });
  }

  function setupForm(request: FastifyRequest, csrf_token: string, step: MfaSetupStep & { type: 'form' }, name: string): string {
    const page = {
      language: languageOf(request),
      stylesheet,
      script,
      codes_script,
      module_name: name,
      action: request.url,
      csrf: csrf_token,
      flow_id: step.flow_id,
      back: PATH,
    };
    const { data_schema: fields, errors, description_placeholders: placeholders } = step;
    return mfaSetupPage({ ...page, fields, error: errors.base, placeholders });
  }

  async function nameOf({ user }: MfaCaller, mfa_module_id: string): Promise<string> {
    const { modules } = await mfa.list(user.id);
    return modules.find(({ id }) => id === mfa_module_id)?.name ?? mfa_module_id;
  }

  return async (app) => {
    const config = { answers: 'page' as const };

    app.get(PATH, { config }, (request, reply) =>
      withCaller(request, reply, async (caller) => {
        const { csrf_token } = csrf.meet(request, reply);
        const overview = await mfa.list(caller.user.id);
        const resume = new URLSearchParams(queryText(request)).get('resume');
        return sendPage(
          reply,
          securityPage({
            language: languageOf(request),
            stylesheet,
            script,
            csrf: csrf_token,
            path: PATH,
            resume,
            is_owner: caller.user.is_owner,
            ...overview,
          }),
        );
      }),
    );

    // For reloads and the link of error pages: steps have no page of their own.
    for (const step of [':mfa_module_id/setup', 'enrolments/:enrolment_id/remove', 'enrolments/:enrolment_id/rename'])
      app.get(`${PATH}/${step}`, { config }, (_request, reply) => reply.redirect(PATH, 303));

    app.post<{ Params: { mfa_module_id: string } }>(`${PATH}/:mfa_module_id/setup`, { config }, async (request, reply) => {
      const form = await formBody(request);
      const { csrf_token } = csrf.check(request, form);
      const { mfa_module_id } = request.params;
      return await withCaller(
        request,
        reply,
        async (caller) => {
          const flow_id = form.get(CONTROL.flow_id);
          const input = inputOf(form);
          const step = await (flow_id === undefined
            ? mfaSetup.begin(caller, mfa_module_id)
            : mfaSetup.submit(caller, mfa_module_id, flow_id, input));
          return showSetup(request, reply, csrf_token, step, await nameOf(caller, mfa_module_id));
        },
        mfa_module_id,
      );
    });

    app.post<{ Params: { enrolment_id: string } }>(`${PATH}/enrolments/:enrolment_id/remove`, { config }, async (request, reply) => {
      csrf.check(request, await formBody(request));
      return await withCaller(
        request,
        reply,
        async (caller) => {
          await mfa.remove(caller, request.params.enrolment_id);
          return reply.redirect(PATH, 303);
        },
        request.params.enrolment_id,
      );
    });

    app.post<{ Params: { enrolment_id: string } }>(`${PATH}/enrolments/:enrolment_id/rename`, { config }, async (request, reply) => {
      const form = await formBody(request);
      csrf.check(request, form);
      return await withCaller(request, reply, async (caller) => {
        await mfa.rename(caller, request.params.enrolment_id, form.get('name') ?? '');
        return reply.redirect(PATH, 303);
      });
    });
  };
}

/** The input; empty optional fields are left out. */
function inputOf(form: ReadonlyMap<string, string>): Record<string, string> {
  const controls: readonly string[] = Object.values(CONTROL);
  return Object.fromEntries([...form].filter(([name, value]) => !controls.includes(name) && value !== ''));
}
