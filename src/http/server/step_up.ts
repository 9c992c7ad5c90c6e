// The challenge for a login that is too old or too weak (RFC 9470 section 3).

interface Demand {
  acr?: string | number | null;
  /** In seconds. */
  max_age?: string | number | null;
}

/** The WWW-Authenticate value; `description` consists of characters of RFC 6750 section 3. */
export function stepUpChallenge(demand: Demand, description = 'A more recent or stronger login is required'): string {
  const { acr = null, max_age = null } = demand;
  const parameters = [
    'error="insufficient_user_authentication"',
    `error_description="${description}"`,
    ...(acr === null ? [] : [`acr_values="${acr}"`]),
    ...(max_age === null ? [] : [`max_age=${max_age}`]),
  ];
  return `Bearer ${parameters.join(', ')}`;
}
