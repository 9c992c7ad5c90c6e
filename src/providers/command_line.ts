// Checks usernames and passwords with a program (HA contract 6.2), which receives them in its
// environment. The number of processes, their time and their output are limited.
import { isUtf8 } from 'node:buffer';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type Identity,
  type ProviderErrorCode,
  type ProviderStep,
} from '../domain/auth_provider.ts';
import { AuthError } from '../domain/errors.ts';
import type { FormField } from '../domain/form.ts';
import { cleanText, pythonStrip } from '../domain/text.ts';
import { ADMIN_GROUP, usernameComplaint } from '../domain/user.ts';

const argument = z
  .string()
  .max(4096)
  .regex(/^[^\0]*$/, 'must not contain NUL');

const config = z.object({
  /** The program; relative paths start at the configuration file's folder. */
  command: argument.min(1).meta({ path: true }),
  args: z.array(argument).max(100).default([]),
  /** Whether it prints properties of new users. */
  meta: z.boolean().default(false),
});

type Command = z.infer<typeof config>;

/** The program's output; the last value of each key counts. */
type Meta = Partial<Record<'name' | 'group' | 'local_only', string>>;

/** `refused` also if it could not be started (HA contract 6.2). */
type Verdict = { type: 'accepted'; output: Buffer } | { type: 'refused'; detail?: string } | { type: 'undecided'; detail: string };

const FORM: FormField[] = [
  { type: 'string', name: 'username', required: true },
  { type: 'string', name: 'password', required: true },
];
const PROGRAMS = { slots: 8, queue_limit: 32, wait_ms: 2_000 };
const TIME_LIMIT = 10_000;
const OUTPUT_LIMIT = 65_536;
/** Temporary shortages, which say nothing about the login. */
const SHORTAGES = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'];

export const provider: AuthProviderType<CommonProviderConfig & Command> = {
  type: 'command_line',
  default_name: 'Command Line Authentication',
  config,
  create({ command, args, meta, ...common }, { workQueue, warn }) {
    const inTurn = workQueue(PROGRAMS);

    /**
     * The program's output if it accepts the login, null if it refuses; throws `unavailable`
     * without a verdict.
     */
    async function ask(username: string, password: string): Promise<Buffer | null> {
      if (usernameComplaint(username) !== null || !isEnvironmentText(password)) return null;
      const verdict = await inTurn(() => run({ command, args, meta }, { username, password }));
      if (verdict.type === 'accepted') return verdict.output;
      if (verdict.detail !== undefined) warn(`auth provider command_line: ${command} ${verdict.detail}`);
      if (verdict.type === 'refused') return null;
      throw new AuthError('unavailable', 'The login program does not answer', { detail: verdict.detail });
    }

    function identityOf(username: string, { name, group, local_only }: Meta): Identity {
      const identity = { subject: username, data: { username }, name: cleanText(name ?? '', 100) || null, amr: ['pwd'] };
      if (group === ADMIN_GROUP) warn(`auth provider command_line: ${command} names ${group}, but new users are never administrators`);
      const group_ids = group && group !== ADMIN_GROUP ? { group_ids: [group] } : {};
      return { ...identity, ...group_ids, local_only: local_only === 'true' };
    }

    return {
      ...configuredProvider(common, provider.default_name),
      support_mfa: true,
      refusal: () => null,
      async step({ values, context }) {
        if (!values) return form({});
        const { username: typed = '', password = '' } = values;
        const username = pythonStrip(typed);
        const composed = { username: username.normalize('NFC'), password: password.normalize('NFC') };
        const is_composed = composed.username === username && composed.password === password;
        const said: { output: Buffer | null } = { output: null };
        try {
          await context.attempt(composed.username, async () => {
            said.output = await ask(username, password);
            if (said.output === null && !is_composed) said.output = await ask(composed.username, composed.password);
            return said.output !== null;
          });
        } catch (error) {
          if (error instanceof AuthError && error.code === 'unavailable') return form({ base: 'provider_unavailable' });
          throw error;
        }
        if (said.output === null) return form({ base: 'invalid_auth' });
        const identity = identityOf(composed.username, readMeta(said.output));
        return { type: 'identity', identity: is_composed ? identity : { ...identity, typed_subject: username } };
      },
    };
  },
};

function form(errors: { base?: ProviderErrorCode }): ProviderStep {
  return { type: 'form', step_id: 'init', data_schema: FORM, errors };
}

function isEnvironmentText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Runs the program to its end or the time limit. */
async function run({ command, args, meta }: Command, env: { username: string; password: string }): Promise<Verdict> {
  let limited: Limited | undefined;
  try {
    // Without a shell, and in its own process group, so that its children can be killed as well.
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', meta ? 'pipe' : 'ignore', 'ignore'] });
    limited = limit(child);
    const [code] = await once(child, 'close');
    if (limited.stopped !== null) return { type: 'undecided', detail: limited.stopped };
    return code === 0 ? { type: 'accepted', output: Buffer.concat(limited.output) } : { type: 'refused' };
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return { type: SHORTAGES.includes(reason) ? 'undecided' : 'refused', detail: `could not be started: ${reason}` };
  } finally {
    clearTimeout(limited?.timer);
  }
}

interface Limited {
  timer: NodeJS.Timeout;
  output: Buffer[];
  /** Why it was stopped; null if it was not. */
  stopped: string | null;
}

function limit(child: ChildProcess): Limited {
  const stop = (why: string) => {
    limited.stopped ??= why;
    killGroup(child);
    // A process that left the group could keep the pipe open.
    child.stdout?.destroy();
  };
  const limited: Limited = { timer: setTimeout(stop, TIME_LIMIT, 'took too long and was stopped'), output: [], stopped: null };
  let size = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= OUTPUT_LIMIT) limited.output.push(chunk);
    else stop('printed too much and was stopped');
  });
  return limited;
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** `name = value` per line; other lines are skipped. */
function readMeta(output: Buffer): Meta {
  const meta: Meta = {};
  for (const line of output.toString('latin1').split(/\r\n|\r|\n/)) {
    const text = decodeUtf8(Buffer.from(line, 'latin1')) ?? '';
    const name = pythonStrip(text.slice(0, Math.max(0, text.indexOf('='))));
    if (name === 'name' || name === 'group' || name === 'local_only') meta[name] = pythonStrip(text.slice(text.indexOf('=') + 1));
  }
  return meta;
}

/** Null unless it is UTF-8 without NUL. */
function decodeUtf8(bytes: Buffer): string | null {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString() : null;
}
