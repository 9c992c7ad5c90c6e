// What is known of the servers that people log in at most: where they are, what to ask for, and what they call the facts about a person.
// A setting in the configuration takes the place of the same one here.

export interface OidcPreset {
  /** What people see on the button. */
  name: string;
  /** Absent where everybody has a server, or a tenant, of their own. */
  issuer?: string;
  scopes?: string[];
  claims?: Partial<OidcClaims>;
  token_endpoint_auth_method?: UpstreamAuthMethod;
  /** Of a server that knows OAuth alone, no discovery and no ID token. */
  authorization_endpoint?: string;
  token_endpoint?: string;
  userinfo_endpoint?: string;
  /** Whether an address that it calls verified is; see `trust_email` in oidc_config.ts. */
  trust_email?: boolean;
}

export const UPSTREAM_AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;

export type UpstreamAuthMethod = (typeof UPSTREAM_AUTH_METHODS)[number];

/** Where the facts about a person stand among the claims; a name with dots looks into objects. */
export interface OidcClaims {
  /** Unique at the issuer, and never given to anybody else. */
  subject: string;
  username: string;
  name: string;
  email: string;
  email_verified: string;
  groups: string;
}

export const DEFAULT_UPSTREAM_SCOPES = ['openid', 'profile', 'email'];

/** OpenID Connect Core section 5.1; `groups` is what most servers call them. */
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
  /** Its issuer names the tenant: anybody can make one and be whoever they like in it. */
  microsoft: { name: 'Microsoft' },
  pocket_id: { name: 'Pocket ID', scopes: [...DEFAULT_UPSTREAM_SCOPES, 'groups'] },
} satisfies Record<string, OidcPreset>;
