// Ids in paths.

/** The id; empty, and so never found, for a text that cannot be one. */
export function pathId(text: string | undefined): string {
  return text !== undefined && /^[\w:-]+$/.test(text) ? text : '';
}
