// Configuration issues, which are reported all at once, and spelling suggestions.

/** The path of a value: `['auth_providers', 1, 'url']`. */
export type ConfigPath = readonly (string | number)[];

/** An issue with a setting, or with an unknown environment variable. */
export interface ConfigIssue {
  path: ConfigPath;
  variable?: string;
  message: string;
}

/** Records an issue; reading continues, so that all are reported at once. */
export type ReportIssue = (path: ConfigPath, message: string) => void;

/**
 * Thrown by `loadConfig`. Issues read `config.yaml:12:5 auth_providers[1].url: must be a https
 * URL`.
 */
export interface ConfigError extends Error {
  complaints: string[];
}

export function configError(complaints: string[]): ConfigError {
  return Object.assign(new Error(complaints.join('\n')), { name: 'ConfigError', complaints });
}

export function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && error.name === 'ConfigError';
}

/** The positions of repeated names; empty names are ignored. */
export function findDuplicates(names: readonly string[]): number[] {
  return names.flatMap((name, index) => (name !== '' && names.indexOf(name) < index ? [index] : []));
}

/** `; did you mean "listen"?` if a known word is similar, else empty. */
export function didYouMean(word: string, known: Iterable<string>): string {
  let best = { word: '', distance: Math.max(2, Math.floor(word.length / 3)) + 1 };
  for (const candidate of known) {
    // Words of very different length are never similar, which bounds the cost.
    if (Math.abs(candidate.length - word.length) >= best.distance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < best.distance && distance < candidate.length) best = { word: candidate, distance };
  }
  return best.word ? `; did you mean "${best.word}"?` : '';
}

/** The Levenshtein distance. */
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
