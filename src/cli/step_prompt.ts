// Answers login steps at the command line, from options or by asking.
import { createInterface } from 'node:readline';
import type { FormField } from '../domain/form.ts';
import type { ProviderTestStep } from '../login/provider_test.ts';
import type { Io } from './command.ts';
import { commandError, usageError } from './exit.ts';
import { type PasswordOption, readSecretLine } from './password.ts';

/** Answers from options. */
export interface PromptAnswers {
  username?: string;
  password?: string;
}

/** Reads the options, including a password from standard input. */
export async function readPromptAnswers(
  io: Io,
  { username, passwordStdin }: PasswordOption & { username?: string },
): Promise<PromptAnswers> {
  const password = passwordStdin === true ? await readSecretLine(io) : undefined;
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

/** The values of a form. Throws if a question cannot be asked, or the given answer was wrong. */
export async function answerForm(
  io: Io,
  step: ProviderTestStep & { type: 'form' },
  given: PromptAnswers | null,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const field of step.data_schema) {
    const value = givenFor(given, field.name) ?? (await ask(io, field, step));
    if (value !== '' || field.required === true) values[field.name] = value;
  }
  return values;
}

function givenFor(given: PromptAnswers | null, name: string): string | undefined {
  return name === 'username' || name === 'password' ? given?.[name] : undefined;
}

async function ask(io: Io, field: FormField, { errors, detail }: ProviderTestStep & { type: 'form' }): Promise<string> {
  if (io.stdin.isTTY !== true) {
    if (errors?.base !== undefined) throw commandError(`The provider said ${errors.base}${detail === undefined ? '' : `: ${detail}`}`);
    throw usageError(`There is no terminal to ask for ${field.name} at: give --username and --password-stdin`);
  }
  const { isCancel, password, select, text } = await import('@clack/prompts');
  const message = field.name;
  const is_secret = /password|pin/.test(field.name);
  const answer =
    field.type === 'select'
      ? await select({ message, options: field.options.map(([value, label]) => ({ value, label })) })
      : await (is_secret ? password({ message }) : text({ message }));
  if (isCancel(answer)) throw commandError('The test was ended');
  return answer ?? '';
}

/** The query parameters of the URL that the browser returned to. */
export async function answerReturn(io: Io): Promise<Record<string, string>> {
  io.err(
    'Open that URL in a browser and log in. The page it comes back to will say that it knows nothing of this login; paste its URL here.\n',
  );
  const line = await readLine(io);
  const query = URL.canParse(line) ? new URL(line).searchParams : null;
  if (query === null) throw commandError('That is not the URL of a page');
  return Object.fromEntries(query);
}

async function readLine({ stdin }: Io): Promise<string> {
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) return line.trim();
    return '';
  } finally {
    lines.close();
  }
}
