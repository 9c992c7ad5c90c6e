// A command of the WebSocket: who may send it, its fields and its result (HA contract 11.2).
import { z } from 'zod';
import type { Actor } from '../../../accounts/actor.ts';
import type { AuthError, ErrorCode } from '../../../domain/errors.ts';
import type { Caller } from '../../../tokens/bearer.ts';
import type { RequiredRole } from '../../server/bearer_guard.ts';

interface CommandCall<Fields> {
  caller: Caller;
  actor: Actor;
  fields: Fields;
}

interface Definition<Fields extends z.ZodType> {
  type: string;
  who: Exclude<RequiredRole, 'approver'>;
  /** Besides `id` and `type`; others are refused. */
  fields?: Fields;
  handle(call: CommandCall<z.output<Fields>>): Promise<unknown>;
  /** The error as Home Assistant sends it for this command; undefined: as for every command. */
  errorOf?(error: AuthError, fields: z.output<Fields>): CommandError | undefined;
}

export interface Command extends Pick<Definition<z.ZodType>, 'type' | 'who'> {
  fields: z.ZodType;
  handle(call: CommandCall<unknown>): Promise<unknown>;
  errorOf(error: AuthError, fields: unknown): CommandError;
}

const NONE = z.strictObject({});

/** Types a command. */
export function command<Fields extends z.ZodType = typeof NONE>(row: Definition<Fields>): Command {
  return {
    type: row.type,
    who: row.who,
    fields: row.fields ?? NONE,
    handle: (call) => row.handle({ ...call, fields: call.fields as z.output<Fields> }),
    errorOf: (error, fields) => row.errorOf?.(error, fields as z.output<Fields>) ?? commandError(error),
  };
}

export const text = z.string().max(1024);

/** An error as Home Assistant sends it. */
export interface CommandError {
  code: string;
  message: string;
  translation_key?: string;
  translation_domain?: string;
}

/** Errors that Home Assistant raises as exceptions with a translation. */
const TRANSLATED: readonly ErrorCode[] = ['username_already_exists', 'username_not_normalized', 'username_retired'];
/** Its command fails on these without a code of its own. */
const WITHOUT_CODE: readonly ErrorCode[] = ['unknown_group', 'name_in_use'];

/** The error in Home Assistant's codes. */
function commandError({ code, description, reason }: AuthError): CommandError {
  if (reason === 'inactive') return { code: 'only_active_user', message: 'Only allowed as active user' };
  if (TRANSLATED.includes(code)) return translatedError(code, description);
  if (WITHOUT_CODE.includes(code)) return { code: 'unknown_error', message: description };
  if (code === 'reauth_required') return { code, message: `${description}.` };
  return { code, message: description || code };
}

export function translatedError(translation_key: string, message: string): CommandError {
  return { code: 'home_assistant_error', message, translation_key, translation_domain: 'auth' };
}
