// What is wrong with a configuration, told all at once: complaints, the one error that carries them, and guesses at what was meant.

/** Where a value stands: `['auth_providers', 1, 'url']`. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong: with a setting, or with a variable of the environment that is none. */
export interface ConfigIssue {
  path: ConfigPath;
  variable?: string;
  message: string;
}

/** Takes note of one thing that is wrong; reading goes on, so that all is told at once. */
export type ReportIssue = (path: ConfigPath, message: string) => void;

/** Thrown by `loadConfig`. Each complaint reads `config.yaml:12:5 auth_providers[1].url: must be a https URL`. */
export interface ConfigError extends Error {
  complaints: string[];
}

export function configError(complaints: string[]): ConfigError {
  return Object.assign(new Error(complaints.join('\n')), { name: 'ConfigError', complaints });
}

export function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && error.name === 'ConfigError';
}

/** Where a name stands that was there before; empty names do not count. */
export function findDuplicates(names: readonly string[]): number[] {
  return names.flatMap((name, index) => (name !== '' && names.indexOf(name) < index ? [index] : []));
}

/** `; did you mean "listen"?` when one of the known words is near, else nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  let best = { word: '', distance: Math.max(2, Math.floor(word.length / 3)) + 1 };
  for (const candidate of known) {
    // A word that differs much in length cannot be near, and junk of any size costs nothing.
    if (Math.abs(candidate.length - word.length) >= best.distance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < best.distance && distance < candidate.length) best = { word: candidate, distance };
  }
  return best.word ? `; did you mean "${best.word}"?` : '';
}

/** How many letters must be added, dropped or changed to turn one word into the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
