// Presets of common upstream servers: endpoints, scopes and claim names. Settings in the
// configuration override them.

export interface OidcPreset {
  /** The text of the button. */
  name: string;
  /** Absent if every operator or tenant has its own. */
  issuer?: string;
  scopes?: string[];
  claims?: Partial<OidcClaims>;
  token_endpoint_auth_method?: UpstreamAuthMethod;
  /** For servers without OpenID Connect. */
  authorization_endpoint?: string;
  token_endpoint?: string;
  userinfo_endpoint?: string;
  /** Whether its `email_verified` is trusted; see `trust_email` in config.ts. */
  trust_email?: boolean;
}

export const UPSTREAM_AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;

export type UpstreamAuthMethod = (typeof UPSTREAM_AUTH_METHODS)[number];

/** Claim names; dots look into nested objects. */
export interface OidcClaims {
  /** Unique at the issuer and never reassigned. */
  subject: string;
  username: string;
  name: string;
  email: string;
  email_verified: string;
  groups: string;
}

export const DEFAULT_UPSTREAM_SCOPES = ['openid', 'profile', 'email'];

/** OpenID Connect Core section 5.1; `groups` is a common extension. */
export const STANDARD_CLAIMS: OidcClaims = {
  subject: 'sub',
  username: 'preferred_username',
  name: 'name',
  email: 'email',
  email_verified: 'email_verified',
  groups: 'groups',
};

export const OIDC_PRESETS = {
  authelia: { name: 'Authelia', scopes: [...DEFAULT_UPSTREAM_SCOPES, 'groups'] },
  authentik: { name: 'authentik' },
  discord: {
    name: 'Discord',
    issuer: 'https://discord.com',
    scopes: ['identify', 'email'],
    claims: { subject: 'id', username: 'username', name: 'global_name', email_verified: 'verified' },
    authorization_endpoint: 'https://discord.com/oauth2/authorize',
    token_endpoint: 'https://discord.com/api/oauth2/token',
    userinfo_endpoint: 'https://discord.com/api/users/@me',
  },
  github: {
    name: 'GitHub',
    issuer: 'https://github.com/login/oauth',
    scopes: ['read:user'],
    claims: { subject: 'id', username: 'login' },
    token_endpoint_auth_method: 'client_secret_post',
    authorization_endpoint: 'https://github.com/login/oauth/authorize',
    token_endpoint: 'https://github.com/login/oauth/access_token',
    userinfo_endpoint: 'https://api.github.com/user',
  },
  gitlab: { name: 'GitLab', issuer: 'https://gitlab.com' },
  google: { name: 'Google', issuer: 'https://accounts.google.com', trust_email: true },
  keycloak: { name: 'Keycloak' },
  /** Its issuer depends on the tenant: anybody can create a tenant with arbitrary users. */
  microsoft: { name: 'Microsoft' },
  pocket_id: { name: 'Pocket ID', scopes: [...DEFAULT_UPSTREAM_SCOPES, 'groups'] },
} satisfies Record<string, OidcPreset>;
