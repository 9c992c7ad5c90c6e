// Cases of Home Assistant's behaviour that do not hold here, each with the decision that says so.
export const OVERRULED: Readonly<Record<string, string>> = {
  'access-token-016': 'decision 8: access tokens are RFC 9068 JWTs, so they carry aud; a wrong one is refused',
  'access-token-018': 'decision 8: one keyring signs for every grant, no key belongs to one refresh token',
  'ip-ban-003': 'decision 23: bans are kept in PostgreSQL, there is no ban file',
  'ip-ban-005': 'decision 23: there is no supervisor; what is never banned is loopback and a trusted proxy',
  'ip-ban-009': 'decision 23: bans are kept in PostgreSQL, there is no ban file',
  'local-provider-018': 'decisions 9 and 16: argon2id reads the whole password',
  'login-flow-016': 'decision 9: a code is lk_ac_ and 256 random bits',
  'login-flow-019': 'decision 23: there is no cloud relay',
  'onboarding-005': 'decision 34: there is the one step user',
  'onboarding-006': 'decision 34: there is no step integration',
  'onboarding-007': 'decision 34: there is no step integration',
  'onboarding-008': 'decision 34: there is no step integration',
  'onboarding-010': 'decision 34: there is no installation type',
  'token-code-017': 'decision 5: a new user is never an administrator, and waits unless the provider activates',
  'users-018': 'decision 42: nobody but the owner changes anything of the owner',
  'users-026': 'decision 5: a new user is never an administrator, and waits unless the provider activates',
};
