// Parameters of an OAuth request, as its body or query names them.

export type Parameters = ReadonlyMap<string, string>;

/**
 * The parameters that have a value: one without is as if it were left out (RFC 6749 sections 3.1 and 3.2).
 * Whether a parameter is repeated is judged before. Copies only where there is something to leave out.
 */
export function withoutEmpty(parameters: Parameters): Parameters {
  for (const value of parameters.values()) if (value === '') return new Map([...parameters].filter(([, given]) => given !== ''));
  return parameters;
}
