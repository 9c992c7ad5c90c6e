// auth/…: the caller's own account, tokens and second factors (HA contract 11.3).
import { z } from 'zod';
import type { Me } from '../../../accounts/me.ts';
import type { Mfa } from '../../../accounts/mfa.ts';
import { type MfaSetup, type MfaSetupStep, mfaCallerOf } from '../../../accounts/mfa_setup.ts';
import type { RefreshTokenItem, RefreshTokens } from '../../../accounts/refresh_tokens.ts';
import type { ErrorCode } from '../../../domain/errors.ts';
import { homeAssistantFields } from '../../../domain/form.ts';
import type { Caller } from '../../../tokens/bearer.ts';
import { allPages } from './all_pages.ts';
import { type Command, command, text } from './command.ts';

export interface OwnCommandDeps {
  me: Pick<Me, 'get'>;
  refreshTokens: RefreshTokens;
  mfa: Pick<Mfa, 'disable'>;
  mfaSetup: MfaSetup;
}

const TOKEN_TYPES = ['normal', 'long_lived_access_token', 'system'] as const;
/** Errors of removing a factor that a new login, and not the account, has to resolve. */
const LOGIN_ERRORS: readonly ErrorCode[] = ['reauth_required', 'not_system_user'];

export function ownCommands({ me, refreshTokens, mfa, mfaSetup }: OwnCommandDeps): Command[] {
  return [
    command({ type: 'auth/current_user', who: 'anyone', handle: async ({ caller }) => currentUser(await me.get(caller)) }),
    command({
      type: 'auth/refresh_tokens',
      who: 'anyone',
      handle: ({ caller }) => ownTokens(refreshTokens, caller),
    }),
    command({
      type: 'auth/delete_refresh_token',
      who: 'anyone',
      fields: z.strictObject({ refresh_token_id: text }),
      async handle({ caller, actor, fields }) {
        await refreshTokens.revoke(caller.user.id, fields.refresh_token_id, actor);
        return {};
      },
    }),
    command({
      type: 'auth/delete_all_refresh_tokens',
      who: 'anyone',
      fields: z.strictObject({ token_type: z.enum(TOKEN_TYPES).optional(), delete_current_token: z.boolean().optional() }),
      async handle({ caller, actor, fields }) {
        await refreshTokens.revokeAll(caller.user.id, { ...fields, current_id: caller.refresh_token_id }, actor);
        return {};
      },
    }),
    command({
      type: 'auth/refresh_token_set_expiry',
      who: 'anyone',
      fields: z.strictObject({ refresh_token_id: text, enable_expiry: z.boolean() }),
      async handle({ caller, actor, fields }) {
        await refreshTokens.setExpiry(caller.user.id, fields.refresh_token_id, fields.enable_expiry, actor);
        return {};
      },
    }),
    command({
      type: 'auth/long_lived_access_token',
      who: 'anyone',
      fields: z.strictObject({ lifespan: z.int(), client_name: text, client_icon: text.nullish() }),
      handle: async ({ caller, actor, fields }) => (await refreshTokens.createLongLived(caller, fields, actor)).token,
    }),
    command({
      type: 'auth/setup_mfa',
      who: 'anyone',
      fields: z
        .strictObject({
          mfa_module_id: text.optional(),
          flow_id: text.optional(),
          user_input: z.record(z.string(), z.unknown()).optional(),
        })
        .refine(({ mfa_module_id, flow_id }) => (mfa_module_id === undefined) !== (flow_id === undefined), { path: ['flow_id'] }),
      handle: async ({ caller, actor, fields: { mfa_module_id = '', flow_id, user_input = {} } }) => {
        const setupCaller = mfaCallerOf(caller, actor.remote_address ?? '');
        if (flow_id === undefined) return wireStep(await mfaSetup.begin(setupCaller, mfa_module_id));
        return wireStep(await mfaSetup.submit(setupCaller, null, flow_id, user_input));
      },
    }),
    command({
      type: 'auth/depose_mfa',
      who: 'anyone',
      fields: z.strictObject({ mfa_module_id: text }),
      async handle({ caller, actor, fields }) {
        await mfa.disable(mfaCallerOf(caller, actor.remote_address ?? ''), fields.mfa_module_id);
        return 'done';
      },
      errorOf({ code, description }, { mfa_module_id }) {
        if (LOGIN_ERRORS.includes(code)) return undefined;
        return { code: 'disable_failed', message: `Cannot disable MFA Module ${mfa_module_id}: ${description}` };
      },
    }),
  ];
}

function currentUser({ id, name, is_owner, is_admin, credentials, mfa_modules }: Awaited<ReturnType<Me['get']>>) {
  return { id, name, is_owner, is_admin, credentials, mfa_modules };
}

async function ownTokens(refreshTokens: RefreshTokens, { user, refresh_token_id: current_id }: Caller) {
  return (await allPages((page) => refreshTokens.list(user.id, { ...page, current_id }))).map(wireToken);
}

function wireToken({ created_at, last_used_at, expire_at, auth_provider_id: _, ...item }: RefreshTokenItem) {
  return { ...item, created_at: wireTime(created_at), last_used_at: wireTime(last_used_at), expire_at: wireTime(expire_at) };
}

/** As Python writes it: microseconds and the offset. */
function wireTime(time: Date | null): string | null {
  return time?.toISOString().replace('Z', '000+00:00') ?? null;
}

function wireStep(step: MfaSetupStep): MfaSetupStep {
  return step.type === 'form' ? { ...step, data_schema: homeAssistantFields(step.data_schema) } : step;
}
