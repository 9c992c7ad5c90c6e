// Describes a step of a provider test. Control characters from servers are removed.
import { stripVTControlCharacters } from 'node:util';
import { cleanText } from '../domain/text.ts';
import type { PreviewedUser } from '../login/login_preview.ts';
import type { ProviderTestStep } from '../login/provider_test.ts';

/** Lines without line ends. */
export function stepLines(step: ProviderTestStep): string[] {
  if (step.type === 'abort') return [];
  if (step.type === 'external') return [`Step ${step.step_id}: leads to`, step.url];
  if (step.type === 'form') return formLines(step);
  return ['The provider says', ...rows(step.identity), '', verdict(step.foreseen), ...rows(step.foreseen.user ?? {})];
}

function formLines({ step_id, data_schema, errors, detail }: ProviderTestStep & { type: 'form' }): string[] {
  const fields = data_schema.map(({ name }) => name).join(', ');
  const error = errors?.base === undefined ? [] : [`  ${errors.base}${detail === undefined ? '' : `: ${clean(detail)}`}`];
  return [`Step ${step_id}: a form with ${fields}`, ...error];
}

function verdict({ outcome, refusal }: PreviewedUser): string {
  const who = {
    existing_user: 'The login is that of this user',
    linked_user: 'The login would be linked to this user, whom the provider picks',
    new_user: 'The login would make this new user',
    refused: 'The login would be refused',
  }[outcome];
  return refusal === null ? who : `${who}; it would be blocked: ${refusal}`;
}

function rows(record: object): string[] {
  return Object.entries(record).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [`  ${name.padEnd(12)}${clean(textOf(value))}`],
  );
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function clean(text: string): string {
  return cleanText(stripVTControlCharacters(text), 500);
}
