// Parameters of an OAuth request, as its body or query names them.

export type Parameters = ReadonlyMap<string, string>;

/**
 * Removes parameters without a value, which count as omitted (RFC 6749 sections 3.1 and 3.2).
 * Repetition is checked earlier. Copies only if there is something to remove.
 */
export function withoutEmpty(parameters: Parameters): Parameters {
  for (const value of parameters.values()) if (value === '') return new Map([...parameters].filter(([, given]) => given !== ''));
  return parameters;
}
