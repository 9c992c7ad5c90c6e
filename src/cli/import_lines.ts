// Prints the report of an import: one paragraph for each person.
import { stripVTControlCharacters } from 'node:util';
import type { ImportReport, ImportReportPerson } from '../accounts/import_report.ts';
import { cleanText } from '../domain/text.ts';

const MAX_LINE = 2000;

/** Lines without line ends. */
export function importLines({ applied, people, groups, notes }: ImportReport): string[] {
  const general = [
    ...groups.map((group) => `the group "${group}" ${applied ? 'was added' : 'will be added'}`),
    ...notes.map(({ text }) => text),
  ];
  const lines = [
    ...people.flatMap((person) => personLines(person, applied)),
    ...(general.length > 0 ? ['', ...general.map((text) => `* ${text}`)] : []),
    '',
    ...summary(people, applied),
  ];
  return lines.map((line) => cleanLine(line));
}

function personLines(person: ImportReportPerson, applied: boolean): string[] {
  const { outcome, reason, notes } = person;
  const verdict = {
    import: `${applied ? 'came over' : 'comes over'}: ${belongings(person)}`,
    present: 'is here already; nothing was changed',
    refused: `cannot come over: ${reason?.text ?? ''}`,
  }[outcome];
  return [`${labelOf(person)} ${verdict}`, ...notes.map(({ text }) => `  - ${text}`)];
}

function labelOf({ name, username, role, is_active }: ImportReportPerson): string {
  const facts = [username, role === 'person' ? null : role, is_active ? null : 'disabled'].filter((text) => text !== null);
  return `${name ?? 'Somebody without a name'}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`;
}

function belongings({ has_login, has_password, providers, factors, refresh_tokens, long_lived_access_tokens }: ImportReportPerson): string {
  const list = [
    ...(has_login ? [has_password ? 'password' : 'a login without a password'] : []),
    ...providers.map((provider) => `login by ${provider}`),
    ...factors.map((factor) => `second factor ${factor}`),
    ...(refresh_tokens > 0 ? [count(refresh_tokens, 'refresh token')] : []),
    ...(long_lived_access_tokens > 0 ? [count(long_lived_access_tokens, 'long-lived token')] : []),
  ];
  return list.join(', ') || 'without a login';
}

function summary(people: readonly ImportReportPerson[], applied: boolean): string[] {
  const number = (outcome: ImportReportPerson['outcome']) => people.filter((person) => person.outcome === outcome).length;
  const [came, present, refused] = [number('import'), number('present'), number('refused')];
  const line = `${came} ${applied ? 'came over' : 'would come over'}, ${present} here already, ${refused} cannot`;
  return applied ? [line] : [line, 'Nothing was changed; run it again with --apply'];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Names come from a file that somebody else may have written. */
function cleanLine(line: string): string {
  const [indent = ''] = /^ */.exec(line) ?? [];
  return indent + cleanText(stripVTControlCharacters(line), MAX_LINE);
}
